"""Detectors are found by name: ours in any checkout, and those that other packages register."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.detection.registry import BUILT_IN, GROUP, detector_names, load_detector
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from tests.conftest import write_clip
from tests.ingestion.fake_detector import CentreDetector

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what puts the metadata of a package with a detector on the path."""

    def write(package: str, entry: str) -> None:
        folder = tmp_path / "site" / f"{package}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{entry}\n")
        monkeypatch.syspath_prepend(tmp_path / "site")

    return write


def test_ours_are_registered_as_pyproject_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"][GROUP] == BUILT_IN
    assert set(BUILT_IN) <= set(detector_names())


def test_a_detector_of_another_package_is_found_and_used_by_an_ingest(
    install: Callable[[str, str], None], tmp_path: Path, portrait: NDArray[np.uint8]
) -> None:
    install("centre-detector", "centre = tests.ingestion.fake_detector:make_centre")
    clip = write_clip(tmp_path / "given" / "a.mp4", [portrait[:64, :96]] * 20)
    cv2.imwrite(str(clip.with_name("b.png")), portrait[..., ::-1])
    workspace = Workspace(tmp_path / "workspace")
    CentreDetector.calls.clear()
    ingest([clip.parent], workspace, IngestOptions(detector="centre", workers=1, crop_px=32, quality="keep-all"))
    rows = store.read_faces(workspace, ("box", "frame_width_px")).to_pylist()
    assert {tuple(row["box"]) for row in rows if row["frame_width_px"] == 96} == {(32, 16, 64, 48)}
    # It has no local search, so that each frame and the picture were searched in full.
    assert len(rows) == sum(CentreDetector.calls) == 21
    assert workspace.settings()["ingest"]["detector_engine"] == "python 1"


def test_workers_find_it_too(install: Callable[[str, str], None], tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    install("centre-detector", "centre = tests.ingestion.fake_detector:make_centre")
    for name in ("a", "b"):
        write_clip(tmp_path / "given" / f"{name}.mp4", [portrait[: 64 if name == "a" else 80, :96]] * 3)
    program = """
        from pathlib import Path
        from fertools.core.workspace import Workspace
        from fertools.ingestion.ingest import ingest
        from fertools.ingestion.options import IngestOptions
        if __name__ == "__main__":
            options = IngestOptions(detector="centre", workers=2, crop_px=32, quality="keep-all")
            print(ingest([Path("given")], Workspace(Path("w")), options).detected)
    """
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    path = f"{tmp_path / 'site'}:{ROOT}"
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["6"], done.stderr


def test_a_package_that_does_not_load_is_named(install: Callable[[str, str], None]) -> None:
    install("gone-detector", "gone = no_such_module:make")
    with pytest.raises(
        InputError, match=r"'gone' \(fertools.detectors\) of the package gone-detector cannot be loaded"
    ):
        load_detector("gone")


def test_two_detectors_of_one_name_are_refused(install: Callable[[str, str], None]) -> None:
    install("other-mtcnn", "mtcnn = tests.ingestion.fake_detector:make_centre")
    with pytest.raises(InputError, match="two packages register 'mtcnn'"):
        detector_names()


def test_a_detector_of_ours_is_ours_whatever_others_register(install: Callable[[str, str], None]) -> None:
    install("other-mtcnn", "mtcnn = tests.ingestion.fake_detector:make_centre")
    assert type(load_detector("mtcnn")).__module__ == "fertools.faces.detection.mtcnn.cascade"


def test_an_unknown_name_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fertools.core.plugins.registered_entries", lambda group, path: ())
    assert detector_names() == ("mtcnn", "yunet")
    with pytest.raises(InputError, match="`detector` 'hog' is unknown; choose one of mtcnn, yunet"):
        load_detector("hog")
