"""What a second ingest of a workspace does: nothing, the rest, or a refusal."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from fertools.core.errors import ResumeRefused, StorageError
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import IngestSummary, ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.conftest import write_clip
from tests.ingestion.clips import OPTIONS, moving_face


def test_a_second_run_does_nothing(done: tuple[Workspace, IngestSummary], videos: Path) -> None:
    workspace, summary = done
    before = workspace.manifest.read_bytes(), workspace.sources.read_bytes()
    again = ingest([videos], workspace, OPTIONS)
    assert again.new_sources == 0
    assert again.faces_kept == summary.faces_kept
    assert (workspace.manifest.read_bytes(), workspace.sources.read_bytes()) == before


def test_added_videos_are_added_and_labels_stay(videos: Path, tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    folder = tmp_path / "videos"
    shutil.copytree(videos / "joyful", folder / "joyful")
    workspace = Workspace(tmp_path / "workspace")
    ingest([folder], workspace, OPTIONS)
    faces = store.read_faces(workspace)
    labelled = store.replace_columns(faces, {"valence": [0.5] * len(faces), "arousal": [0.25] * len(faces)})
    store.write_table(workspace.manifest, FACES, labelled)
    write_clip(folder / "fear" / "new.mp4", moving_face(portrait, 4, step_px=3))
    summary = ingest([folder], workspace, OPTIONS)
    after = store.read_faces(workspace)
    assert summary.new_sources == 1
    kept = after.filter(pc.is_in(after["face_id"], value_set=faces["face_id"].combine_chunks()))
    assert set(kept["valence"].to_pylist()) == {0.5}
    assert len(after) == len(faces) + 4
    assert after["valence"].null_count == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (IngestOptions(workers=1, crop_px=96, min_face=24), "crop_px 64, not 96"),
        (IngestOptions(workers=1, crop_px=64, min_face=30), "min_face 24, not 30"),
        (IngestOptions(workers=1, crop_px=64, min_face=24, template="arcface"), "template loose, not arcface"),
    ],
)
def test_other_options_are_refused_by_name(
    done: tuple[Workspace, IngestSummary], videos: Path, options: IngestOptions, words: str
) -> None:
    with pytest.raises(ResumeRefused, match=words):
        ingest([videos], done[0], options)


def test_an_option_that_came_later_had_its_default_before(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([videos / "joyful"], workspace, OPTIONS)
    settings = workspace.settings()["ingest"]
    del settings["crop_format"], settings["quality"]
    workspace.save_settings("ingest", settings)
    assert ingest([videos / "joyful"], workspace, OPTIONS).new_sources == 0
    workspace.save_settings("ingest", settings)
    with pytest.raises(ResumeRefused, match="quality standard, not strict"):
        ingest([videos / "joyful"], workspace, replace(OPTIONS, quality="strict"))


def test_a_changed_file_is_refused_and_overwrite_begins_anew(
    videos: Path, tmp_path: Path, portrait: NDArray[np.uint8]
) -> None:
    folder = tmp_path / "videos"
    shutil.copytree(videos / "joyful", folder)
    workspace = Workspace(tmp_path / "workspace")
    ingest([folder], workspace, OPTIONS)
    write_clip(folder / "one.mp4", moving_face(portrait, 4))
    before = workspace.manifest.read_bytes()
    with pytest.raises(ResumeRefused, match=r"one\.mp4 has other content") as refused:
        ingest([folder], workspace, OPTIONS)
    assert refused.value.exit_code == 5
    assert workspace.manifest.read_bytes() == before
    summary = ingest([folder], workspace, IngestOptions(workers=1, crop_px=64, min_face=24, overwrite=True))
    assert summary.faces_kept == 4


def test_overwriting_removes_what_ingest_made_and_nothing_else(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    mine = [tmp_path / "faces" / name for name in ("holiday.jpg", "ab/c.jpg", "album/a.png")]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of the user")
    ingest([videos / "joyful"], workspace, OPTIONS)
    made = {row["path"] for row in store.read_faces(workspace).to_pylist()}
    again = IngestOptions(workers=1, crop_px=48, min_face=24, overwrite=True)
    ingest([videos / "p07" / "sad" / "alone.mp4"], workspace, again)
    assert made
    assert not any((workspace.root / path).exists() for path in made)
    assert all(path.read_bytes() == b"of the user" for path in mine)
    assert store.read_faces(workspace)["size_px"].unique().to_pylist() == [48]


def test_retry_failed_works_on_failures_alone(videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(videos / "broken.mp4", folder / "a.mp4")
    shutil.copy(videos / "nobody.mp4", folder / "b.mp4")
    workspace = Workspace(tmp_path / "workspace")
    assert ingest([folder], workspace, OPTIONS).sources == {"failed": 1, "empty": 1}
    shutil.copy(videos / "joyful" / "one.mp4", folder / "a.mp4")
    assert ingest([folder], workspace, OPTIONS).new_sources == 0
    retried = IngestOptions(workers=1, crop_px=64, min_face=24, retry_failed=True)
    summary = ingest([folder], workspace, retried)
    assert (summary.new_sources, summary.sources) == (1, {"done": 1, "empty": 1})


def test_a_full_disk_stops_with_what_was_committed(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    ingest([videos / "joyful"], workspace, OPTIONS)
    before = workspace.manifest.read_bytes()

    def full(path: Path, content: bytes, *, flush: bool = True) -> None:
        raise StorageError(f"cannot write {path}: the disk is full; free or allow space there and run again")

    monkeypatch.setattr("fertools.core.files.write_bytes", full)
    with pytest.raises(StorageError, match="the disk is full"):
        ingest([videos / "joyful", videos / "p07"], workspace, OPTIONS)
    assert workspace.manifest.read_bytes() == before
    monkeypatch.undo()
    assert ingest([videos / "joyful", videos / "p07"], workspace, OPTIONS).sources == {"done": 4}
