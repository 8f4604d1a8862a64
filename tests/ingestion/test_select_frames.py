"""Choosing frames of sequences after an ingest, and taking that back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fertools
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.filter import FilterOptions, filter_faces
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.select_frames import SelectOptions, select_frames
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.validation import validate
from fertools.transfer.merge import merge
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools_command
from tests.conftest import write_clip

__all__ = ["fertools_command"]

TAKES = {"S1/a": 5, "S1/b": 2, "S2/a": 4}
OPTIONS = IngestOptions(workers=1, crop_px=32, device="cpu", crops=True, dataset="takes", sequence_from="^(.+)/")
"""The pictures are face crops, so nothing is searched."""


def _write(folder: Path, takes: dict[str, int], first: int = 8) -> Path:
    """Write takes of numbered pictures, each with grey values of its own; the names cross from 9 to 10."""
    for take, count in takes.items():
        for number in range(first, first + count):
            path = folder / take / f"f{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = [ord(letter) for letter in f"{take}{number}"]
            Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 48), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Three takes of pictures, and one picture that is in none."""
    given = _write(tmp_path / "given", TAKES)
    Image.new("L", (48, 48), 90).save(given / "alone9.png")
    ingest(given, tmp_path / "dataset", OPTIONS)
    return Workspace(tmp_path / "dataset")


def _kept(workspace: Workspace) -> set[str]:
    """Return the kept pictures, and check that everything else holds."""
    assert validate(workspace).violations == ()
    rows = store.read_sources(workspace).to_pylist()
    return {row["path"].rpartition("given/")[2] for row in rows if row["faces_kept"]}


def _names(take: str, *numbers: int) -> set[str]:
    return {f"{take}/f{number}.png" for number in numbers}


ALL = {"alone9.png"} | _names("S1/a", *range(8, 13)) | _names("S1/b", 8, 9) | _names("S2/a", *range(8, 12))


@pytest.mark.parametrize(
    ("rule", "first", "second", "third"),
    [
        ("last:3", (10, 11, 12), (8, 9), (9, 10, 11)),
        ("first:1", (8,), (8,), (8,)),
        ("middle:3", (9, 10, 11), (8, 9), (8, 9, 10)),
        ("every:3", (8, 11), (8,), (8, 11)),
    ],
)
def test_pictures_of_a_take_are_chosen_by_their_numbers(
    workspace: Workspace, rule: str, first: tuple[int, ...], second: tuple[int, ...], third: tuple[int, ...]
) -> None:
    summary = select_frames(workspace, SelectOptions(rule))
    chosen = _names("S1/a", *first) | _names("S1/b", *second) | _names("S2/a", *third)
    assert _kept(workspace) == {"alone9.png"} | chosen
    assert summary.rules == (f"takes (visible): {rule}",)
    assert (summary.sequences, summary.kept, summary.newly_kept) == (3, len(chosen) + 1, 0)
    assert summary.not_selected == summary.newly_rejected == len(ALL) - len(chosen) - 1
    reasons = store.read_faces(workspace, ("status", "reason")).to_pylist()
    assert sum(row == {"status": "rejected", "reason": "not_selected"} for row in reasons) == summary.not_selected


def test_a_selection_is_repeated_changed_and_taken_back(workspace: Workspace) -> None:
    before = store.read_faces(workspace), store.read_sources(workspace), workspace.settings_path.read_bytes()
    assert select_frames(workspace, SelectOptions("last:1"), dry_run=True).newly_rejected == 8
    assert workspace.settings_path.read_bytes() == before[2]
    assert _kept(workspace) == ALL
    select_frames(workspace, SelectOptions("last:1"))
    written = {path: path.stat().st_mtime_ns for path in workspace.manifest.parent.rglob("*.parquet")}
    again = select_frames(workspace, SelectOptions("last:1"))
    assert (again.newly_kept, again.newly_rejected, again.not_selected) == (0, 0, 8)
    assert {path: path.stat().st_mtime_ns for path in workspace.manifest.parent.rglob("*.parquet")} == written
    other = select_frames(workspace, SelectOptions("first:1"))
    assert (other.newly_kept, other.newly_rejected) == (3, 3)
    back = select_frames(workspace, SelectOptions("all"))
    assert (back.rules, back.newly_kept, back.not_selected) == ((), 8, 0)
    assert (store.read_faces(workspace), store.read_sources(workspace)) == before[:2]
    assert workspace.settings_path.read_bytes() == before[2]


def test_the_apex_is_the_frame_with_the_strongest_intensity(workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"no kept face of takes \(visible\) has an intensity"):
        select_frames(workspace, SelectOptions("apex"))
    paths = {row["source_id"]: row["path"] for row in store.read_sources(workspace).to_pylist()}
    faces = store.read_faces(workspace)
    strong = {"S1/a/f10.png": 0.9, "S1/a/f9.png": 0.4}
    values = [strong.get(paths[source].rpartition("given/")[2]) for source in faces["source_id"].to_pylist()]
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"intensity": values}))
    select_frames(workspace, SelectOptions("apex"))
    assert _kept(workspace) == {"alone9.png"} | _names("S1/a", 10) | _names("S1/b", 9) | _names("S2/a", 11)


def test_later_pictures_filters_and_a_rerun_follow_the_rule(workspace: Workspace, tmp_path: Path) -> None:
    faces = store.read_faces(workspace)
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"split": ["test"] * len(faces)}))
    assert select_frames(workspace, SelectOptions("last:2")).left_the_split == 5
    chosen = {"alone9.png"} | _names("S1/a", 11, 12) | _names("S1/b", 8, 9) | _names("S2/a", 10, 11)
    assert filter_faces(workspace, dry_run=True).newly_kept == 0
    summary = filter_faces(workspace, FilterOptions(quality="keep-all"))
    assert (summary.rejected, summary.newly_kept) == ({"not_selected": 5}, 0)
    assert _kept(workspace) == chosen
    # A take grows, and another begins.
    options = IngestOptions(**(vars(OPTIONS) | {"quality": "keep-all"}))
    ingest(_write(tmp_path / "given", {"S1/b": 1, "S3/a": 3}, first=12), workspace, options)
    chosen = chosen - _names("S1/b", 8) | _names("S1/b", 12) | _names("S3/a", 13, 14)
    assert _kept(workspace) == chosen
    ingest(tmp_path / "given", workspace, options)
    assert _kept(workspace) == chosen


def test_a_merge_takes_the_rule_along_and_refuses_two(workspace: Workspace, tmp_path: Path) -> None:
    later = Workspace(tmp_path / "later")
    ingest(_write(tmp_path / "more" / "given", {"S1/a": 2}, first=20), later, OPTIONS)
    select_frames(workspace, SelectOptions("last:2"))
    merged = Workspace(tmp_path / "merged")
    merge(merged, [workspace, later])
    # The take goes on in the other workspace.
    chosen = _names("S1/a", 20, 21) | _names("S1/b", 8, 9) | _names("S2/a", 10, 11)
    assert _kept(merged) == {"alone9.png"} | chosen
    assert merged.settings()["select"] == {"takes (visible)": "last:2"}
    select_frames(later, SelectOptions("last:1"))
    with pytest.raises(ResumeRefused, match=r"the frames of takes \(visible\) in .*later were selected by last:1"):
        merge(Workspace(tmp_path / "other"), [workspace, later])


def test_a_stopped_selection_is_completed_by_the_next_command(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("fertools.ingestion.select_frames.apply_selection", _stop)
        with pytest.raises(KeyboardInterrupt):
            select_frames(workspace, SelectOptions("last:1"))
    assert _kept(workspace) == ALL
    ingest(tmp_path / "given", workspace, OPTIONS)
    assert _kept(workspace) == {"alone9.png"} | _names("S1/a", 12) | _names("S1/b", 9) | _names("S2/a", 11)


def _stop(workspace: Workspace) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def clips(tmp_path: Path) -> Workspace:
    """A clip of ten frames that are face crops."""
    frames = [np.full((48, 48, 3), 20 * number, np.uint8) for number in range(10)]
    write_clip(tmp_path / "clips" / "one.mp4", frames)
    ingest(tmp_path / "clips", tmp_path / "dataset", IngestOptions(workers=1, crop_px=32, device="cpu", crops=True))
    return Workspace(tmp_path / "dataset")


def test_frames_of_a_video_are_chosen_by_their_tracks(clips: Workspace) -> None:
    assert select_frames(clips, SelectOptions("every:4", dataset="clips")).not_selected == 7
    kept = store.read_faces(clips, ("frame_index",), [("status", "=", "kept")])
    assert sorted(kept["frame_index"].to_pylist()) == [0, 4, 8]
    (row,) = store.read_sources(clips).to_pylist()
    assert (row["faces_kept"], row["faces_rejected"], row["status"]) == (3, 7, "done")
    # What is chosen now is of the frames that the filter keeps, not of those chosen before.
    select_frames(clips, SelectOptions("last:2"))
    kept = store.read_faces(clips, ("frame_index",), [("status", "=", "kept")])
    assert sorted(kept["frame_index"].to_pylist()) == [8, 9]


def test_a_dataset_keeps_its_own_rule(workspace: Workspace, tmp_path: Path) -> None:
    given = _write(tmp_path / "thermal" / "given", {"S9/a": 3})
    options = vars(OPTIONS) | {"modality": "thermal", "dataset": "other"}
    ingest(given, workspace, IngestOptions(**options))
    select_frames(workspace, SelectOptions("last:1", modality="thermal"))
    assert _kept(workspace) == ALL | _names("S9/a", 10)
    summary = select_frames(workspace, SelectOptions("first:1", dataset="takes"))
    assert summary.rules == ("other (thermal): last:1", "takes (visible): first:1")
    assert select_frames(workspace, SelectOptions("all", dataset="other")).rules == ("takes (visible): first:1",)


def test_what_cannot_be_selected_is_said(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no source .* is of ck48 \(any modality\); .*: takes \(visible\)"):
        select_frames(workspace, SelectOptions("last:1", dataset="ck48"))
    with pytest.raises(InputError, match=r"modality.*'radar' is unknown"):
        SelectOptions("last:1", modality="radar")
    with pytest.raises(InputError, match=r"frames.* is 'some'; give all"):
        SelectOptions("some")
    with pytest.raises(InputError, match="nothing was ingested in"):
        fertools.select_frames(tmp_path / "empty", SelectOptions("last:1"))
    faces = store.read_faces(workspace)
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"sequence_id": [None] * len(faces)}))
    with pytest.raises(InputError, match=r"no kept face of takes \(visible\) is in a sequence, so .*last:1 chooses"):
        select_frames(workspace, SelectOptions("last:1"))
    assert "select" not in workspace.settings()


def test_the_command_prints_the_rule_and_the_counts(workspace: Workspace, fertools_command: Run) -> None:
    ended = fertools_command("select", "--frames", "last:3", "-w", str(workspace.root))
    assert ended.code == 0
    assert "takes (visible): last:3" in ended.out
    assert _kept(workspace) == ALL - _names("S1/a", 8, 9) - _names("S2/a", 8)
    assert fertools_command("select", "--frames", "last:0", "-w", str(workspace.root)).code == 2
