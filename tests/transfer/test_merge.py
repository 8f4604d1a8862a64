"""Shares of an ingest, and workspaces of several machines, joined into one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from fertools.core import locking
from fertools.core.errors import FertoolsError, InputError, ResumeRefused, SchemaError
from fertools.core.workspace import Workspace
from fertools.ingestion.extract import flush_crops
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.shards import Shard, shard_folders
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.validation import validate
from fertools.transfer.merge import merge
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face

OPTIONS = IngestOptions(workers=1, crop_px=64, min_face=24, more_templates=("arcface",))
SHARES = ((1, 3), (2, 3), (3, 3))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """A folder with `videos/`: faces, a copy, an empty one, broken ones and pictures."""
    folder = tmp_path_factory.mktemp("home")
    videos = folder / "videos"
    for number in range(5):
        write_clip(videos / f"p{number % 2}" / "joyful" / f"{number}.mp4", moving_face(portrait, 2, step_px=number + 1))
    write_clip(videos / "nobody.mp4", [np.full((96, 96, 3), 90, dtype=np.uint8)] * 3)
    shutil.copy(videos / "p0" / "joyful" / "2.mp4", videos / "a-copy.mp4")
    shutil.copy(videos / "p0" / "joyful" / "2.mp4", videos / "z-copy.mp4")
    (videos / "broken.mp4").write_bytes(b"this is no video" * 50)
    (videos / "zero.mp4").touch()
    for number in range(3):
        face = moving_face(portrait, 1)[0]
        cv2.imwrite(str(videos / f"{number}.png"), np.roll(face, 9 * number, axis=0)[..., ::-1])
    return folder


@pytest.fixture
def place(home: Path, tmp_path: Path) -> Path:
    """A copy of `home`: names in the manifest are relative to it."""
    return Path(shutil.copytree(home, tmp_path / "place"))


@pytest.fixture
def sharded(place: Path) -> Workspace:
    """The workspace in `place`, with its three shares ingested and not yet merged."""
    return _shard_all(place)


@pytest.fixture(scope="module")
def single(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one ingest makes of it."""
    place = Path(shutil.copytree(home, tmp_path_factory.mktemp("single") / "place"))
    ingest([place / "videos"], Workspace(place), OPTIONS)
    return _contents(Workspace(place))


def _contents(workspace: Workspace) -> dict[str, bytes]:
    files = [workspace.manifest, workspace.sources, workspace.settings_path, *workspace.crops.rglob("*.*g")]
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in files}


def _shard_all(place: Path, shares: tuple[tuple[int, int], ...] = SHARES) -> Workspace:
    for share in shares:
        ingest([place / "videos"], Workspace(place), replace(OPTIONS, shard=share))
    return Workspace(place)


@pytest.mark.parametrize(("text", "good"), [("1/1", True), ("8/8", True), ("0/8", False), ("9/8", False), ("a", False)])
def test_shares_are_counted_from_one(text: str, good: bool) -> None:
    if good:
        assert str(Shard.parse(text)) == text
        return
    with pytest.raises(InputError, match="`shard` is "):
        Shard.parse(text)


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="`shard` is 9 of 8"):
        IngestOptions(shard=(9, 8))


def test_each_file_is_in_one_share_and_copies_are_together(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:03d}.mp4" for number in range(200)]
    for number, path in enumerate(paths):
        # All of one size, as uncompressed pictures are.
        path.write_bytes(f"{number:08d}".encode() * 10)
    shares = [Shard(index, 4) for index in range(1, 5)]
    taken = {path: [shard.index for shard in shares if shard.takes(path)] for path in paths}
    assert all(len(indices) == 1 for indices in taken.values())
    counts = [sum(indices == [index] for indices in taken.values()) for index in range(1, 5)]
    assert min(counts) > 25
    for path, indices in list(taken.items())[:20]:
        moved = path.rename(tmp_path / f"renamed-{path.name}")
        assert [shard.index for shard in shares if shard.takes(moved)] == indices
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    for odd in (pipe, tmp_path / "gone.mp4"):
        assert sum(shard.takes(odd) for shard in shares) == 1


def test_merged_shares_are_byte_for_byte_one_ingest(place: Path, single: dict[str, bytes]) -> None:
    # Neither the order of the jobs nor that of their folders counts.
    workspace = _shard_all(place, ((3, 3), (1, 3), (2, 3)))
    assert not workspace.manifest.exists()
    held = [len(store.read_sources(Workspace(folder))) for folder in shard_folders(workspace)]
    assert sum(held) == 13
    assert min(held) > 0
    summary = merge(workspace)
    assert summary.sources == {"done": 8, "empty": 1, "failed": 2, "duplicate": 2}
    assert summary.new_sources == 13
    assert _contents(workspace) == single
    assert not validate(workspace).violations
    crop = next(workspace.crops.glob("[0-9a-f][0-9a-f]/*.jpg"))
    assert crop.stat().st_nlink == 2
    # Again: nothing to do. And without the shards, an ingest finds all done.
    assert merge(workspace).new_sources == 0
    shutil.rmtree(workspace.shards)
    assert ingest([place / "videos"], workspace, OPTIONS).new_sources == 0
    assert _contents(workspace) == single


def test_copied_crops_share_no_file(sharded: Workspace, single: dict[str, bytes]) -> None:
    merge(sharded, copy=True)
    assert all(crop.stat().st_nlink == 1 for crop in sharded.crops.rglob("*.jpg"))
    assert _contents(sharded) == single


def test_a_table_that_is_taken_whole_is_linked(sharded: Workspace) -> None:
    theirs = [table for folder in shard_folders(sharded) for table in Workspace(folder).parts.glob("*.faces.parquet")]
    merge(sharded)
    ours = list(sharded.parts.glob("*.faces.parquet"))
    assert {table.stat().st_ino for table in ours} <= {table.stat().st_ino for table in theirs}
    before = {table: table.read_bytes() for table in theirs}
    for table in ours:
        store.write_table(table, FACES, FACES.arrow.empty_table())
    assert {table: table.read_bytes() for table in theirs} == before


def test_a_damaged_table_is_refused_before_it_is_part_of_the_result(sharded: Workspace) -> None:
    tables = [table for folder in shard_folders(sharded) for table in Workspace(folder).parts.glob("*.faces.parquet")]
    table = next(table for table in tables if pq.read_metadata(table).num_rows)
    content = bytearray(table.read_bytes())
    column = pq.read_metadata(table).row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 255
    table.write_bytes(content)
    with pytest.raises(SchemaError, match="damaged"):
        merge(sharded)
    for part in sharded.parts.glob("*.faces.parquet"):
        store.read_table(part, FACES)


def test_crops_are_copied_where_no_link_can_be(
    sharded: Workspace, single: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0

    def refuse(self: Path, target: Path) -> None:
        nonlocal refused
        refused += 1
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    merge(sharded)
    assert refused > 0
    assert _contents(sharded) == single


def test_workspaces_elsewhere_are_joined_and_what_is_there_stays(place: Path, tmp_path: Path) -> None:
    workspace, others = Workspace(place), [Workspace(tmp_path / name) for name in "ab"]
    videos = sorted((place / "videos").rglob("*.*"))
    # The copies are each in another workspace here, where they are no copies: one of them owns the content.
    for one, given in ((others[0], videos[::2]), (others[1], videos[1::2])):
        ingest(given, one, replace(OPTIONS, dataset="x"))
    whole = Workspace(tmp_path / "whole")
    ingest([place / "videos"], whole, replace(OPTIONS, dataset="x"))
    merged = Workspace(tmp_path / "merged")
    merge(merged, others)
    assert store.read_sources(merged, ("path", "status", "reason")).to_pylist() == (
        store.read_sources(whole, ("path", "status", "reason")).to_pylist()
    )
    assert store.read_faces(merged, ("face_id", "path")).equals(store.read_faces(whole, ("face_id", "path")))
    ingest([videos[0]], workspace, replace(OPTIONS, dataset="x", subject_from="none"))
    with pytest.raises(ResumeRefused, match=r"dataset x \(visible\) .* with subject_from none, not auto"):
        merge(workspace, others)


def test_a_source_that_failed_gives_way_when_its_share_is_tried_again(place: Path, single: dict[str, bytes]) -> None:
    target = place / "videos" / "p0" / "joyful" / "2.mp4"
    good = target.read_bytes()
    hidden = [place / "videos" / name for name in ("a-copy.mp4", "z-copy.mp4")]
    for path in hidden:
        path.rename(path.with_name(f".{path.name}"))
    # Cut off at its end, so that it stays in its share: its head and, filled up, its size are the same.
    target.write_bytes(good[: len(good) // 2] + bytes(len(good) - len(good) // 2))
    workspace = _shard_all(place)
    assert merge(workspace).sources["failed"] == 3
    for path in hidden:
        path.with_name(f".{path.name}").rename(path)
    target.write_bytes(good)
    for share in SHARES:
        ingest([place / "videos"], workspace, replace(OPTIONS, shard=share, retry_failed=True))
    assert merge(workspace).sources["failed"] == 2
    assert _contents(workspace) == single


def test_labels_come_along_and_folds_do_not(sharded: Workspace) -> None:
    for folder in shard_folders(sharded):
        other = Workspace(folder)
        faces = store.read_faces(other)
        count = len(faces)
        columns: dict[str, Iterable[Any]] = {
            "valence": [0.5] * count,
            "fold": [1] * count,
            "va_origin": ["person"] * count,
        }
        store.write_table(other.manifest, FACES, store.replace_columns(faces, columns))
    merge(sharded)
    merged = store.read_faces(sharded)
    assert merged["valence"].to_pylist() == [0.5] * len(merged)
    assert merged["fold"].null_count == len(merged) > 0
    # What is changed here afterwards is not undone by merging again.
    store.write_table(sharded.manifest, FACES, store.replace_columns(merged, {"valence": [-0.25] * len(merged)}))
    merge(sharded)
    assert set(store.read_faces(sharded)["valence"].to_pylist()) == {-0.25}


def _lose_a_share(place: Path) -> None:
    shutil.rmtree(place / "shards" / "2-of-3")


def _stop_a_share(place: Path) -> None:
    shard = Workspace(place / "shards" / "2-of-3")
    shard.save_settings("shard", {**shard.settings()["shard"], "finished": False})


def _add_a_file(place: Path) -> None:
    shutil.copy(place / "videos" / "0.png", place / "videos" / "9.png")
    ingest([place / "videos"], Workspace(place), replace(OPTIONS, shard=(2, 3)))


def _other_options(place: Path) -> None:
    options = replace(OPTIONS, shard=(2, 3), overwrite=True, crop_px=48)
    ingest([place / "videos"], Workspace(place), options)


def _another_division(place: Path) -> None:
    ingest([place / "videos"], Workspace(place), replace(OPTIONS, shard=(1, 2)))


def _lose_a_crop(place: Path) -> None:
    next((place / "shards").glob("*/faces/[0-9a-f][0-9a-f]/*.jpg")).unlink()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_lose_a_share, InputError, "the share 2/3 is missing"),
        (
            _stop_a_share,
            InputError,
            r"2-of-3 was interrupted; run `fertools\.ingest\(inputs, workspace\)` with `shard` 2/3 again",
        ),
        (_add_a_file, ResumeRefused, r"different lists of files \(13 and 14 files\)"),
        (_other_options, ResumeRefused, "crop_px 48, and .*1-of-3 with 64"),
        (_another_division, InputError, "shares of 2 and of 3"),
        (_lose_a_crop, InputError, r"the crop .* is missing"),
    ],
)
def test_what_does_not_fit_is_refused(
    sharded: Workspace, spoil: Callable[[Path], None], error: type[FertoolsError], words: str
) -> None:
    spoil(sharded.root)
    with pytest.raises(error, match=words):
        merge(sharded)


def test_what_cannot_be_merged_is_said(place: Path, tmp_path: Path) -> None:
    workspace = Workspace(place)
    with pytest.raises(InputError, match="there is nothing in"):
        merge(workspace)
    with pytest.raises(InputError, match="cannot be added to itself"):
        merge(workspace, [workspace])
    with pytest.raises(InputError, match="nothing was ingested in"):
        merge(workspace, [Workspace(tmp_path)])
    other = Workspace(tmp_path / "other")
    ingest([place / "videos" / "0.png"], other, OPTIONS)
    with locking.exclusive(other.lock_path, "an ingest"), pytest.raises(InputError, match="is in use"):
        merge(workspace, [other])
    (place / "videos" / "0.png").write_bytes((place / "videos" / "1.png").read_bytes())
    ingest([place / "videos" / "0.png"], workspace, OPTIONS)
    with pytest.raises(ResumeRefused, match="had different content"):
        merge(workspace, [other])


def test_shares_run_side_by_side(place: Path, single: dict[str, bytes]) -> None:
    command = [sys.executable, "-c", "from fertools.cli.main import main; main()", "ingest", str(place / "videos")]
    command += ["-w", str(place), "--workers", "1", "--crop-px", "64", "--min-face", "24"]
    command += ["--template", "loose", "--template", "arcface"]
    jobs = [subprocess.Popen([*command, "--shard", "{}/{}".format(*share)], stderr=subprocess.PIPE) for share in SHARES]
    for job in jobs:
        _, said = job.communicate(timeout=120)
        assert job.returncode in (0, 3), said
    workspace = Workspace(place)
    merge(workspace)
    assert _contents(workspace) == single


@pytest.mark.parametrize(
    "after", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(5, marks=pytest.mark.slow), 14]
)
def test_killed_and_continued_equals_one_ingest(sharded: Workspace, single: dict[str, bytes], after: int) -> None:
    # It dies when it has written so many things, crops and tables, before the next.
    program = (
        "import os, signal, sys\n"
        "from fertools.core import files\n"
        "from fertools.core.workspace import Workspace\n"
        "from fertools.transfer.merge import merge\n"
        "real, left = files._flush, [int(sys.argv[2])]\n"
        "def flush(path):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(path)\n"
        "files._flush = flush\n"
        "merge(Workspace(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(sharded.root), str(after)], check=False)
    assert done.returncode == -signal.SIGKILL
    merge(sharded)
    assert _contents(sharded) == single


def test_an_error_leaves_a_whole_manifest_of_what_came(
    sharded: Workspace, single: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = 0
    real = flush_crops

    def stop() -> None:
        nonlocal parts
        parts += 1
        if parts == 3:
            raise KeyboardInterrupt
        real()

    monkeypatch.setattr("fertools.transfer.merge.flush_crops", stop)
    with pytest.raises(KeyboardInterrupt):
        merge(sharded)
    assert 0 < len(store.read_sources(sharded)) < 13
    merge(sharded)
    assert _contents(sharded) == single
