"""Several templates in one pass, and other crops later, without detecting again."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.sources.videos import FrameReader
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face

BOTH = IngestOptions(workers=1, crop_px=64, min_face=24, more_templates=("arcface", "ffhq"))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    folder = tmp_path_factory.mktemp("given") / "videos"
    frames = moving_face(portrait, 5)
    write_clip(folder / "a.mp4", frames)
    write_clip(folder / "b.mp4", moving_face(portrait, 4, step_px=3))
    cv2.imwrite(str(folder / "c.png"), frames[0][..., ::-1])
    return folder


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory, given: Path) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("at-once"))
    ingest([given], workspace, BOTH)
    return workspace


@pytest.fixture
def mine(tmp_path: Path, given: Path) -> tuple[Workspace, Path]:
    """A workspace with the first template alone, and sources that a test may damage."""
    folder = Path(shutil.copytree(given, tmp_path / "videos"))
    workspace = Workspace(tmp_path / "workspace")
    ingest([folder], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    return workspace, folder


@pytest.fixture(autouse=True)
def _no_detector(monkeypatch: pytest.MonkeyPatch, at_once: Workspace, mine: tuple[Workspace, Path]) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a crop was made by detecting again")

    monkeypatch.setattr(MtcnnDetector, "detect", refuse)


def _crops(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_recrop_gives_the_bytes_of_an_ingest_with_that_template(
    at_once: Workspace, mine: tuple[Workspace, Path]
) -> None:
    workspace, _ = mine
    manifest = workspace.manifest.read_bytes()
    assert manifest == at_once.manifest.read_bytes(), "further templates change no row"
    for template in BOTH.more_templates:
        summary = recrop(workspace, RecropOptions(template, 64))
        assert (summary.written, summary.before, summary.lost, summary.failures) == (10, 0, 0, ())
        expected = _crops(at_once.other_crops(template, 64))
        assert len(expected) == 10
        assert _crops(summary.folder) == expected
    own = {Path(row["path"]).name for row in store.read_faces(workspace).to_pylist()}
    assert {Path(name).name for name in expected} == own
    assert workspace.manifest.read_bytes() == manifest
    assert not set(_crops(at_once.other_crops("arcface", 64)).values()) & set(expected.values())


def test_the_own_template_in_another_size_shows_the_same(mine: tuple[Workspace, Path]) -> None:
    workspace, _ = mine
    recrop(workspace, RecropOptions("loose", 32, "png"))
    for row in store.read_faces(workspace).to_pylist():
        large = cv2.imread(str(workspace.root / row["path"]))
        small = cv2.imread(str(workspace.root / workspace.other_crop_path(row["face_id"], "loose", 32, ".png")))
        assert large is not None
        assert small is not None
        halves = large.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
        assert np.abs(small - halves).mean() < 4


def test_each_video_is_decoded_once_and_no_further_than_its_last_missing_face(
    mine: tuple[Workspace, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = mine
    summary = recrop(workspace, RecropOptions("arcface", 64))
    crops = _crops(summary.folder)
    a = next(row for row in store.read_sources(workspace).to_pylist() if row["path"].endswith("a.mp4"))
    gone = [row["face_id"] for row in store.read_faces(workspace).to_pylist() if row["source_id"] == a["source_id"]]
    frame_of = {row["face_id"]: row["frame_index"] for row in store.read_faces(workspace).to_pylist()}
    for face_id in gone:
        if frame_of[face_id] in (0, 2):
            (workspace.root / workspace.other_crop_path(face_id, "arcface", 64, ".jpg")).unlink()
    readers: list[FrameReader] = []
    real = FrameReader.__iter__

    def watched(self: FrameReader) -> object:
        readers.append(self)
        return real(self)

    monkeypatch.setattr(FrameReader, "__iter__", watched)
    again = recrop(workspace, RecropOptions("arcface", 64))
    assert (again.written, again.before) == (2, 8)
    assert [(reader.path.name, reader.decoded) for reader in readers] == [("a.mp4", 4)]
    assert _crops(summary.folder) == crops


def test_sources_that_are_gone_changed_or_cut_off_are_accounted_for(
    mine: tuple[Workspace, Path], given: Path, portrait: NDArray[np.uint8]
) -> None:
    workspace, folder = mine
    (folder / "a.mp4").unlink()
    write_clip(folder / "b.mp4", moving_face(portrait, 2))
    summary = recrop(workspace, RecropOptions("arcface", 64))
    assert (summary.written, summary.lost, summary.unplaced) == (1, 9, 0)
    assert [(Path(name).name, reason) for name, reason in summary.failures] == [
        ("a.mp4", "it cannot be read: No such file or directory"),
        ("b.mp4", "it has other content than when it was ingested"),
    ]
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(given / name, folder / name)
    summary = recrop(workspace, RecropOptions("arcface", 64))
    assert (summary.written, summary.before, summary.lost, summary.failures) == (9, 1, 0, ())


def test_overwriting_removes_further_crops_too(mine: tuple[Workspace, Path]) -> None:
    workspace, folder = mine
    summary = recrop(workspace, RecropOptions("arcface", 64))
    album = workspace.crops / "arcface-album" / "ab"
    album.mkdir(parents=True)
    (album / f"{'ab' * 16}.jpg").touch()
    ingest([folder / "c.png"], workspace, IngestOptions(workers=1, crop_px=64, crops=True, overwrite=True))
    assert not summary.folder.exists()
    assert (album / f"{'ab' * 16}.jpg").exists()


def test_centred_crops_have_their_square_alone(tmp_path: Path, given: Path) -> None:
    workspace = Workspace(tmp_path / "centred")
    ingest([given / "c.png"], workspace, IngestOptions(workers=1, crop_px=64, crop_format="png", crops=True))
    summary = recrop(workspace, RecropOptions("arcface", 64))
    assert (summary.written, summary.unplaced) == (0, 1)
    assert recrop(workspace, RecropOptions("centre", 64, "png")).written == 1
    (row,) = store.read_faces(workspace).to_pylist()
    other = workspace.root / workspace.other_crop_path(row["face_id"], "centre", 64, ".png")
    assert other.read_bytes() == (workspace.root / row["path"]).read_bytes()


@pytest.mark.parametrize("values", [("round", 64), ("loose", 8), ("loose", 64, "gif")])
def test_crops_that_cannot_be_are_refused(values: tuple[str, int]) -> None:
    with pytest.raises(InputError, match=r"`(template|crop_px|crop_format)`"):
        RecropOptions(*values)
    with pytest.raises(InputError, match="twice"):
        IngestOptions(template="loose", more_templates=("loose",))


def test_progress_is_told_within_a_video(mine: tuple[Workspace, Path]) -> None:
    workspace, _ = mine
    shares: list[float] = []

    class Shares(Silent):
        def reach(self, share: float) -> None:
            shares.append(share)

    summary = recrop(workspace, RecropOptions(template="arcface", crop_px=64), Shares())
    assert shares == [number / summary.written for number in range(1, summary.written + 1)]
    assert summary.written == 10
