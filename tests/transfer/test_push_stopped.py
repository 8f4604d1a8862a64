"""Copies that are stopped before any object: what is there counts whole or not at all, and the next run goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.objects import ObjectStore
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.validation import validate
from fertools.transfer.merge import merge
from fertools.transfer.merge_base import read_merge_bases
from fertools.transfer.pull import pull
from fertools.transfer.push import push
from tests.transfer.stores import Stopped, add_part, balanced, contents, label, make_dataset, stop, stop_after


@pytest.fixture
def mine(tmp_path: Path) -> Workspace:
    return make_dataset(tmp_path / "mine", "a.mp4", "b.mp4")


def _kill_push(workspace: Workspace, url: str, left: int) -> None:
    """Push in a process of its own, which kills itself instead of writing the next object after `left`."""
    program = (
        "import os, signal, sys, pytest\n"
        "from fertools.core.workspace import Workspace\n"
        "from fertools.transfer.push import push\n"
        "from tests.transfer.stores import stop_after\n"
        "stop_after(pytest.MonkeyPatch(), int(sys.argv[3]), lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
        "push(Workspace(sys.argv[1]), sys.argv[2])\n"
    )
    command = [sys.executable, "-c", program, str(workspace.root), url, str(left)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL


def _check_whole_or_nothing(place: Path, url: str, whole: Workspace) -> int:
    """Pull, and compare every part that counts with the one that was pushed; return how many there are."""
    pulled = Workspace(place)
    if not ObjectStore.at(url).sizes():
        with pytest.raises(InputError, match="there is no dataset at"):
            pull(pulled, url, crops=True)
        return 0
    summary = pull(pulled, url, crops=True)
    assert balanced(summary)
    assert not validate(pulled).violations
    expected = contents(whole)
    manifest = {"manifests/faces.parquet", "manifests/sources.parquet", "fertools.toml"}
    for name, content in contents(pulled).items():
        if name not in manifest:
            assert content == expected[name], name
    rows = {row["source_id"]: row for row in store.read_sources(whole).to_pylist()}
    for row in store.read_sources(pulled).to_pylist():
        assert row == rows[row["source_id"]]
    return summary.parts


@pytest.mark.parametrize(
    "url",
    ["memory", pytest.param("file", marks=pytest.mark.slow), pytest.param("s3", marks=pytest.mark.slow)],
    indirect=True,
)
def test_a_push_that_stops_before_any_object_leaves_whole_parts_and_goes_on(
    url: str, mine: Workspace, tmp_path: Path
) -> None:
    # Killed in a process of its own where that is seen from here; in memory, stopped as hard as an error can.
    killed = not url.startswith("memory:")
    label(mine, emotion="fear", emotion_origin="person")
    mine.save_settings("split", {"folds": 2, "seed": 0})
    # The settings before the rest and after it, 5 crops, two tables for each of 3 parts, and two of the dataset.
    writes = 1 + 5 + 6 + 2 + 1
    counts = (0, 7, writes - 1) if url.startswith("file:") else range(writes)
    parts = []
    for left in counts:
        copy = Workspace(shutil.copytree(mine.root, tmp_path / f"copy-{left}"))
        address = f"{url}-{left}"
        if killed:
            _kill_push(copy, address, left)
        else:
            with pytest.MonkeyPatch.context() as patch:
                stop_after(patch, left, stop)
                with pytest.raises(Stopped):
                    push(copy, address)
        parts.append(_check_whole_or_nothing(tmp_path / f"half-{left}", address, mine))
        summary = push(copy, address)
        assert balanced(summary)
        assert summary.before >= left - 3
        # What was pulled by half is made whole by the same command.
        pulled = Workspace(tmp_path / f"half-{left}")
        pull(pulled, address, crops=True)
        assert contents(pulled) == contents(mine)
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0, 3)


@pytest.mark.parametrize("left", [0, 3, 6, *(pytest.param(other, marks=pytest.mark.slow) for other in (1, 2, 4, 5))])
def test_a_part_that_is_replaced_counts_whole_or_not_at_all(mine: Workspace, tmp_path: Path, left: int) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    push(mine, url)
    theirs = Workspace(tmp_path / "theirs")
    pull(theirs, url, crops=True)
    store.forget_failed(mine)
    # The part of the file that failed, under its name, with faces.
    add_part(mine, "broken.mp4", 1)
    store.rebuild(mine)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, left, stop)
        # Two crops; the old sources table is removed, two tables of the part are written, and two of the dataset.
        with pytest.raises(Stopped):
            push(mine, url)
    fresh = Workspace(tmp_path / "fresh")
    parts = pull(fresh, url, crops=True).parts
    assert parts == (2 if left in (3, 4) else 3)
    assert not validate(fresh).violations
    # What was here already does not go away with it.
    pull(theirs, url, crops=True)
    assert not validate(theirs).violations
    assert push(mine, url).parts == 3
    for one in (fresh, theirs):
        pull(one, url, crops=True)
        assert contents(one) == contents(mine)


def test_labels_given_after_a_stopped_push_are_sent_by_the_next(mine: Workspace, tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    push(mine, url)
    label(mine, emotion="fear", emotion_origin="person")
    with pytest.MonkeyPatch.context() as patch:
        # The manifest is there, and nothing here says so.
        patch.setattr("fertools.transfer.push._Push._count", lambda *_, sent, **__: stop() if sent else None)
        with pytest.raises(Stopped):
            push(mine, url)
    assert len(read_merge_bases(mine, url)) == 2
    label(mine, emotion="anger", emotion_origin="person")
    push(mine, url)
    assert len(read_merge_bases(mine, url)) == 1
    pulled = Workspace(tmp_path / "pulled")
    pull(pulled, url)
    assert set(store.read_faces(pulled)["emotion"].to_pylist()) == {"anger"}


@pytest.mark.parametrize("left", range(0, 12, 2))
def test_a_pull_that_stops_leaves_a_whole_manifest_and_goes_on(mine: Workspace, tmp_path: Path, left: int) -> None:
    url = f"file://{tmp_path}/store"
    label(mine, emotion="fear", emotion_origin="person")
    push(mine, url)
    pulled = Workspace(tmp_path / "pulled")
    written = 0

    def count(path: Path, content: bytes, *, flush: bool = True) -> None:
        nonlocal written
        written += 1
        if written > left:
            raise Stopped
        real(path, content, flush=flush)

    real = files.write_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "write_bytes", count)
        with pytest.raises(Stopped):
            pull(pulled, url, crops=True)
    # The settings come first, before any part.
    assert pulled.manifest.is_file() == (left > 0)
    if left:
        assert not validate(pulled).violations
        assert set(store.read_faces(pulled)["emotion"].to_pylist()) <= {"fear"}
    pull(pulled, url, crops=True)
    assert contents(pulled) == contents(mine)


def test_a_share_is_not_finished_before_all_of_it_is_there(tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    share = make_dataset(tmp_path / "w" / "shards" / "1-of-1")
    share.save_settings("shard", {"share": "1/1", "listing": "l", "files": 4, "finished": True})
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 8, stop)
        with pytest.raises(Stopped):
            push(Workspace(tmp_path / "w"), url)
    one = Workspace(tmp_path / "one")
    pull(one, url, crops=True)
    with pytest.raises(InputError, match="was interrupted"):
        merge(one)
    push(Workspace(tmp_path / "w"), url)
    pull(one, url, crops=True)
    assert merge(one).sources == {"done": 3, "failed": 1}
