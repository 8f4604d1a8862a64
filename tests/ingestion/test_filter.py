"""Deciding again which faces are kept, without detecting again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.filter import SECTION, FilterOptions, filter_faces
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.validation import validate
from fertools.transfer.merge import merge
from tests.cli.conftest import Run, fertools
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face

__all__ = ["fertools"]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """A clip, a portrait, the same one small, and two faces side by side of which one is smaller."""
    folder = tmp_path_factory.mktemp("given")
    write_clip(folder / "clip.mp4", moving_face(portrait, 6))
    Image.fromarray(portrait).save(folder / "large.png")
    Image.fromarray(portrait).resize((160, 160)).save(folder / "small.png")
    pair = np.zeros((512, 900, 3), np.uint8)
    pair[:, :512] = portrait
    pair[:256, 600:856] = np.asarray(Image.fromarray(portrait).resize((256, 256)))
    Image.fromarray(pair).save(folder / "pair.png")
    return folder


def _ingested(root: Path, given: Path, **options: object) -> Workspace:
    workspace = Workspace(root)
    ingest([given], workspace, IngestOptions(workers=1, crop_px=64, min_face=24, **options))  # type: ignore[arg-type]
    return workspace


def _contents(workspace: Workspace) -> tuple[object, object]:
    return store.read_faces(workspace).to_pylist(), store.read_sources(workspace).to_pylist()


@pytest.mark.parametrize(
    "changes",
    [{"quality": "strict"}, {"quality": "keep-all"}, {"max_faces": 1}, {"quality": "strict", "max_faces": 1}],
    ids=str,
)
def test_it_gives_what_an_ingest_with_these_options_gives(
    tmp_path: Path, given: Path, changes: dict[str, object]
) -> None:
    filtered, fresh = _ingested(tmp_path / "a", given), _ingested(tmp_path / "b", given, **changes)
    filter_faces(filtered, FilterOptions(**changes))  # type: ignore[arg-type]
    assert _contents(filtered) == _contents(fresh)
    assert filtered.settings()["ingest"] == fresh.settings()["ingest"]
    assert validate(filtered).ok
    # A rerun with the new options has nothing to do, and one with the old ones is refused.
    assert ingest([given], filtered, IngestOptions(workers=1, crop_px=64, min_face=24, **changes)).new_sources == 0  # type: ignore[arg-type]
    with pytest.raises(ResumeRefused, match="|".join(changes)):
        ingest([given], filtered, IngestOptions(workers=1, crop_px=64, min_face=24))


def test_there_and_back_is_where_it_was(tmp_path: Path, given: Path) -> None:
    workspace = _ingested(tmp_path, given)
    before = _contents(workspace)
    small = filter_faces(workspace, FilterOptions(quality="strict", min_face=100, max_faces=1))
    assert small.newly_rejected > 0
    assert small.rejected["too_small"] >= 1
    back = filter_faces(workspace, FilterOptions(quality="standard", min_face=24, max_faces=0))
    assert (back.newly_kept, back.newly_rejected) == (small.newly_rejected, 0)
    assert _contents(workspace) == before


def test_the_smallest_face_holds_for_what_comes_later(tmp_path: Path, given: Path) -> None:
    first, later = tmp_path / "first", tmp_path / "later"
    for folder, name in ((first, "large.png"), (later, "small.png")):
        folder.mkdir()
        (folder / name).write_bytes((given / name).read_bytes())
    workspace = _ingested(tmp_path / "dataset", first)
    filter_faces(workspace, FilterOptions(min_face=64))
    summary = ingest([later], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    assert summary.faces_rejected == {"too_small": 1}
    alike = _ingested(tmp_path / "other", first)
    with pytest.raises(ResumeRefused, match="kept_from"):
        merge(Workspace(tmp_path / "joined"), [workspace, alike])


def test_labels_and_given_subjects_stay_and_the_rejected_leave_the_split(tmp_path: Path, given: Path) -> None:
    workspace = _ingested(tmp_path, given)
    faces = store.read_faces(workspace)
    count = len(faces)
    origins = ["person" if kept else None for kept in pc.equal(faces["status"], "kept").to_pylist()]
    subjects = [origin and "anna" for origin in origins]
    columns: dict[str, Iterable[Any]] = {
        "subject_id": subjects,
        "subject_origin": origins,
        "emotion": ["fear"] * count,
        "fold": [0] * count,
    }
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, columns))
    summary = filter_faces(workspace, FilterOptions(min_face=100))
    after = store.read_faces(workspace)
    assert after["emotion"].to_pylist() == ["fear"] * count
    assert summary.left_the_split == summary.newly_rejected > 0
    for row, before in zip(after.to_pylist(), subjects, strict=True):
        assert row["subject_id"] == before
        assert (row["fold"] is None) == (row["status"] == "rejected")


def test_one_that_was_stopped_goes_on_and_nothing_is_mixed_before(
    tmp_path: Path, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, whole = _ingested(tmp_path / "a", given), _ingested(tmp_path / "b", given)
    filter_faces(whole, FilterOptions(quality="strict"))
    commit, done = store.commit_part, list[None]()

    def stop_after_one(*arguments: object) -> None:
        if done:
            raise KeyboardInterrupt
        commit(*arguments)  # type: ignore[arg-type]
        done.append(None)

    monkeypatch.setattr(store, "commit_part", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        filter_faces(workspace, FilterOptions(quality="strict"))
    monkeypatch.undo()
    with pytest.raises(ResumeRefused, match=r"run `fertools\.filter_faces\(workspace\)` again"):
        ingest([given], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    filter_faces(workspace)
    assert _contents(workspace) == _contents(whole)
    assert workspace.settings()[SECTION]["finished"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": "good"}, "`quality` 'good' is unknown"),
        ({"min_face": 5}, "the smallest face '5'"),
        ({"min_face": "64"}, "the smallest face '64'"),
        ({"max_faces": -1}, "`max_faces` is -1"),
        ({"min_face": 20}, "faces were looked for from 24, and `min_face` 20 is smaller"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, given: Path, options: dict[str, object], message: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.save_settings("ingest", IngestOptions(min_face=24).recorded())
    with pytest.raises(InputError, match=message):
        filter_faces(workspace, FilterOptions(**options))  # type: ignore[arg-type]


def test_the_command_counts_and_changes_nothing_when_dry(fertools: Run, tmp_path: Path, given: Path) -> None:
    workspace = _ingested(tmp_path, given)
    before = workspace.manifest.read_bytes()
    dry = fertools("filter", "--min-face", "100", "--dry-run", "--json")
    assert dry.code == 0
    assert workspace.manifest.read_bytes() == before
    assert fertools("filter", "--min-face", "100", "--json").out == dry.out
    assert json.loads(dry.out)["newly rejected"] > 0
    assert fertools("validate").code == 0
    assert fertools("filter", "-w", "nowhere").code == 2


def test_a_source_of_which_nothing_is_kept_says_why(fertools: Run, tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    Image.fromarray(portrait).filter(ImageFilter.GaussianBlur(6)).save(tmp_path / "soft.png")
    ended = fertools("ingest", "soft.png", "--quality", "strict", "--crop-px", "64", "--workers", "1")
    assert ended.code == 0
    assert "done: soft.png: no face was kept: 1 of 1 were rejected as too_blurred" in ended.err
