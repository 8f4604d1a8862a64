"""Archives are ingested in place, with the result of an ingest of the unpacked folder."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.annotations.surroundings import draw_surroundings
from fertools.core.errors import ResumeRefused
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.sources.label_columns import LabelColumns
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face
from tests.sources.archives.test_golden import GOLDEN

OPTIONS = IngestOptions(workers=1, crops=True, crop_px=32, dataset="set")


class Notes(Silent):
    """Collects the lines of a report."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """Folders of emotions and people with a video, pictures, a broken picture and a text."""
    folder = tmp_path_factory.mktemp("given") / "set"
    rng = np.random.default_rng(0)
    for name in ("joyful/p01/a.png", "joyful/p01/ü b.png", "sad/p02/c.png", "sad/p02/d"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / name, "PNG")
    write_clip(folder / "sad/p02/clip.mp4", moving_face(portrait, 4))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def unpacked(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    ingest(folder, workspace, OPTIONS)
    return workspace


def _by_zip(folder: Path, target: Path) -> None:
    subprocess.run(["zip", "-q", "-r", str(target), "."], cwd=folder, check=True)


def _by_python(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(folder))


def _by_tar(*options: str) -> Callable[[Path, Path], None]:
    def write(folder: Path, target: Path) -> None:
        subprocess.run(["tar", *options, "-cf", str(target), "-C", str(folder), "."], check=True)

    return write


def _by_pax(folder: Path, target: Path) -> None:
    with tarfile.open(target, "w:xz", format=tarfile.PAX_FORMAT) as archive:
        archive.add(folder, ".")


WRITERS = {
    "set.zip": _by_zip,
    "stored.zip": _by_python,
    "set.tar": _by_tar(),
    "set.tgz": _by_tar("-z"),
    "set.tar.bz2": _by_tar("-j"),
    "set.tar.xz": _by_pax,
}


def _faces(workspace: Workspace) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = store.read_faces(workspace).to_pylist()
    return rows


@pytest.mark.parametrize("name", WRITERS)
def test_an_archive_gives_the_faces_of_its_folder(name: str, folder: Path, unpacked: Workspace, tmp_path: Path) -> None:
    archive = tmp_path / name
    WRITERS[name](folder, archive)
    workspace = Workspace(tmp_path / "workspace")
    summary = ingest(archive, workspace, OPTIONS)
    assert workspace.manifest.read_bytes() == unpacked.manifest.read_bytes()
    assert (summary.sources, summary.passed_over) == ({"done": 5, "failed": 1}, {"text": 1})
    paths = {row["path"] for row in store.read_sources(workspace).to_pylist()}
    assert f"{archive}/joyful/p01/ü b.png" in paths
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([name, "workspace"])
    again = ingest(archive, workspace, OPTIONS)
    assert (again.new_sources, again.gone) == (0, ())


def test_an_archive_is_also_read_by_worker_processes(folder: Path, unpacked: Workspace, tmp_path: Path) -> None:
    _by_tar("-z")(folder, tmp_path / "set.tar.gz")
    workspace = Workspace(tmp_path / "workspace")
    ingest(tmp_path / "set.tar.gz", workspace, IngestOptions(workers=2, crops=True, crop_px=32, dataset="set"))
    assert workspace.manifest.read_bytes() == unpacked.manifest.read_bytes()


def test_a_folder_of_an_archive_is_given_like_a_folder(folder: Path, tmp_path: Path) -> None:
    _by_zip(folder, tmp_path / "set.zip")
    workspace = Workspace(tmp_path / "workspace")
    options = IngestOptions(workers=1, crops=True, crop_px=32)
    assert ingest(tmp_path / "set.zip/joyful", workspace, options).sources == {"done": 2}
    assert {(row["dataset"], row["emotion"], row["subject_id"]) for row in _faces(workspace)} == {
        ("joyful", "happiness", "p01")
    }


def test_members_that_are_refused_are_one_line_each_and_the_others_are_ingested(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "set.zip"
    _by_zip(folder / "joyful", archive)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("../../evil.png", b"out")
        opened.writestr("inner.zip", archive.read_bytes())
    notes = Notes()
    summary = ingest(archive, Workspace(tmp_path / "workspace"), OPTIONS, notes)
    assert summary.sources == {"done": 2}
    assert summary.passed_over == {"refused in an archive": 1, "archive": 1}
    assert [line for line in notes.lines if line.startswith("refused")] == [
        f"refused: a member of {archive} has a name that leads out of the archive: ../../evil.png"
    ]
    assert not list(tmp_path.rglob("evil*"))


def test_an_archive_that_is_gone_or_changed_is_said(folder: Path, tmp_path: Path) -> None:
    archive, workspace = tmp_path / "set.zip", Workspace(tmp_path / "workspace")
    _by_zip(folder / "joyful", archive)
    ingest(archive, workspace, OPTIONS)
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(folder / "sad/p02/c.png", "p01/a.png")
    with pytest.raises(ResumeRefused, match=r"set\.zip/p01/a\.png has other content"):
        ingest(archive, workspace, OPTIONS)
    archive.unlink()
    _by_zip(folder / "sad", tmp_path / "other.zip")
    assert len(ingest(tmp_path / "other.zip", workspace, OPTIONS).gone) == 2


def test_crops_and_surroundings_are_cut_from_members_later(folder: Path, tmp_path: Path) -> None:
    _by_tar("-z")(folder / "sad", tmp_path / "set.tgz")
    workspace = Workspace(tmp_path / "workspace")
    ingest(tmp_path / "set.tgz", workspace, OPTIONS)
    summary = recrop(workspace, RecropOptions(template="centre", crop_px=16))
    assert (summary.written, summary.failures) == (6, ())
    for row in _faces(workspace):
        assert draw_surroundings(workspace, str(row["face_id"])).startswith(b"\xff\xd8")


def test_a_saved_dataset_is_ingested_with_its_labels_and_votes(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "saved", tmp_path / "saved")
    workspace = Workspace(tmp_path / "workspace")
    columns = LabelColumns.parse("votes=votes,classes=Angry:Happy:Neutral")
    options = IngestOptions(workers=1, crops=True, crop_px=32, quality="keep-all", columns=columns)
    assert ingest(tmp_path / "saved", workspace, options).sources == {"done": 8}
    rows = _faces(workspace)
    assert sorted((str(row["split"]), str(row["subject_id"]), str(row["emotion"])) for row in rows) == sorted(
        (split, person, emotion)
        for split in ("train", "test")
        for person, emotion in (("p1", "anger"), ("p2", "happiness"), ("p1", "neutral"), ("p3", "None"))
    )
    assert len((workspace.root / "annotations/votes.csv").read_text(encoding="utf-8").splitlines()) == 9
