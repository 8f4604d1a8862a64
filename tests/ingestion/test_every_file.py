"""Every file of a folder ends as a row or is counted as passed over, whatever it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core import products
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import IngestSummary, ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.views.contact_sheet import draw_contact_sheet
from tests.ingestion.clips import moving_face
from tests.sources.formats import (
    ANIMATIONS,
    PASSED_OVER,
    PICTURES,
    VIDEOS,
    Pixels,
    write_animation,
    write_others,
    write_pages,
    write_video,
)

# What is looked at is what becomes of files, so nothing is searched: every frame is one face.
OPTIONS = IngestOptions(workers=1, crops=True, crop_px=32)
DAMAGED = {"cut": 60, "half": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of every format, each with content of its own, cut off after its head, in half, and of nothing."""
    folder = tmp_path_factory.mktemp("given") / "mixed"
    whole = folder / "whole"
    whole.mkdir(parents=True)
    rng = np.random.default_rng(0)

    def frames(count: int) -> list[Pixels]:
        return list(rng.integers(0, 256, (count, 48, 64, 3), np.uint8))

    for name, of in VIDEOS.items():
        write_video(whole / name, frames(4), of)
    for name, format in PICTURES.items():
        mode = {"p.pbm": "1", "p.pgm": "L"}.get(name, "RGB")
        Image.fromarray(frames(1)[0]).convert(mode).save(whole / name, format)
    for name, format in ANIMATIONS.items():
        write_animation(whole / name, frames(4), format)
    write_pages(whole / "pages.tif", frames(3))
    for damage, length in DAMAGED.items():
        (folder / damage).mkdir()
        for path in whole.iterdir():
            content = path.read_bytes()
            (folder / damage / path.name).write_bytes(content[: length or len(content) // 2])
    (folder / "empty").mkdir()
    for name in (*VIDEOS, *PICTURES):
        (folder / "empty" / name).touch()
    write_others(folder)
    return folder


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, IngestSummary]:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    return workspace, ingest([folder], workspace, OPTIONS)


def _rows(workspace: Workspace) -> dict[str, dict[str, object]]:
    return {"/".join(Path(row["path"]).parts[-2:]): row for row in store.read_sources(workspace).to_pylist()}


def test_rows_and_what_was_passed_over_are_all_files(done: tuple[Workspace, IngestSummary], folder: Path) -> None:
    workspace, summary = done
    files = sum(path.is_file() for path in folder.rglob("*"))
    assert summary.given == len(_rows(workspace)) == sum(summary.sources.values())
    assert summary.given + sum(summary.passed_over.values()) == files
    # `.h264`, `.ivf`, `.ico` and their like are known by their content alone, so nothing says what an empty one is.
    unnamed = {".h264", ".ivf", ".sgi", ".pcx", ".dds", ".ico"}
    more = Counter(empty=len(unnamed))
    rest = {why: count for why, count in summary.passed_over.items() if why != "other"}
    assert rest == {why: count + more[why] for why, count in PASSED_OVER.items() if why != "other"}


def test_whole_files_are_done_with_all_their_frames(done: tuple[Workspace, IngestSummary]) -> None:
    rows = {name: row for name, row in _rows(done[0]).items() if name.startswith("whole/")}
    assert {row["status"] for row in rows.values()} == {"done"}
    kinds = {name: row["kind"] for name, row in rows.items()}
    assert kinds == {
        **{f"whole/{name}": "video" for name in (*VIDEOS, *ANIMATIONS)},
        **{f"whole/{name}": "image" for name in (*PICTURES, "pages.tif")},
    }
    for name, row in rows.items():
        assert row["frames_decoded"] == (4 if kinds[name] == "video" else 1), name


def test_a_damaged_file_says_what_is_wrong_or_gives_what_is_good(done: tuple[Workspace, IngestSummary]) -> None:
    rows = {name: row for name, row in _rows(done[0]).items() if not name.startswith("whole/")}
    for name, row in rows.items():
        assert row["status"] in ("done", "empty", "failed", "duplicate"), name
        assert row["status"] in ("done", "duplicate") or row["reason"], name
    assert {row["reason"] for name, row in rows.items() if name.startswith("empty/")} == {"the file is empty (0 bytes)"}


def test_pages_are_said(done: tuple[Workspace, IngestSummary]) -> None:
    reason = _rows(done[0])["whole/pages.tif"]["reason"]
    assert reason == "the first of its 3 pages was read; save the others as files of their own"


def test_animations_have_the_times_of_their_frames(done: tuple[Workspace, IngestSummary]) -> None:
    workspace = done[0]
    source = _rows(workspace)["whole/moving.webp"]["source_id"]
    faces = store.read_faces(workspace, ("pts_s", "frame_index"), filters=[("source_id", "=", source)])
    assert sorted(faces["pts_s"].to_pylist()) == pytest.approx([0.0, 0.04, 0.12, 0.32])


def test_crops_of_an_animation_can_be_made_again(done: tuple[Workspace, IngestSummary]) -> None:
    workspace, summary = done
    again = recrop(workspace, RecropOptions(template="centre", crop_px=16))
    assert (again.written, again.lost) == (summary.faces_kept + sum(summary.faces_rejected.values()), 0)


class _Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_a_file_that_is_gone_is_said_and_its_rows_stay(tmp_path: Path, portrait: Pixels) -> None:
    given, report = tmp_path / "videos", _Notes()
    given.mkdir()
    for number, frame in enumerate(moving_face(portrait, 3)):
        Image.fromarray(frame).save(given / f"{number}.png")
    workspace = Workspace(tmp_path / "set")
    assert ingest([given], workspace, OPTIONS).gone == ()
    (given / "1.png").unlink()
    summary = ingest([given], workspace, OPTIONS, report)
    assert [Path(name).name for name in summary.gone] == ["1.png"]
    assert [note for note in report.notes if note.startswith("gone")]
    assert (summary.given, sum(summary.sources.values()), summary.faces_kept) == (2, 3, 3)
    # Another folder's files are not among the given, and are not gone for that.
    (tmp_path / "more").mkdir()
    Image.fromarray(portrait).save(tmp_path / "more" / "a.png")
    assert [Path(name).name for name in ingest([tmp_path / "more"], workspace, OPTIONS).gone] == ["1.png"]
    # An empty folder is an error where there never was anything, and news where there was.
    for path in given.iterdir():
        path.unlink()
    assert len(ingest([given], workspace, OPTIONS).gone) == 3


def test_what_ingest_show_and_recrop_wrote_is_no_source(tmp_path: Path, portrait: Pixels) -> None:
    """Also where it was copied out of its workspace."""
    given = tmp_path / "given"
    given.mkdir()
    Image.fromarray(portrait).save(given / "a.png")
    first = Workspace(given / "first")
    ingest([given / "a.png"], first, OPTIONS)
    recrop(first, RecropOptions(template="centre", crop_px=16))
    draw_contact_sheet(first, given / "sheet.png")
    (given / "copied").mkdir()
    (first.crops / products.MARKER).rename(given / "copied" / products.MARKER)
    for crop in first.crops.rglob("*.jpg"):
        crop.rename(given / "copied" / f"{crop.parts[-3]}-{crop.name}")
    second = ingest([given], Workspace(tmp_path / "second"), OPTIONS)
    assert second.given == 1
    files = sum(path.is_file() for path in given.rglob("*"))
    assert second.given + sum(second.passed_over.values()) == files
    assert second.passed_over["made by fertools"] == 4
