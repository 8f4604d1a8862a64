"""A `forget` that is killed before any change: the next call ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fertools.annotations import erasure
from fertools.core import files
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.transfer import forget_workspace
from fertools.transfer.forget import forget
from tests.transfer.forgetting import ONE, OPTIONS, faces_of, make_place, mentions, plant, source_of, tree
from tests.transfer.stores import Stopped, stop


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_place(tmp_path_factory.mktemp("made"))
    source = source_of(workspace, ONE)
    plant(workspace, faces_of(workspace, source)[0], faces_of(workspace, source_of(workspace, "two.mp4"))[0], source)
    return workspace


def stop_before(patch: pytest.MonkeyPatch, left: int, end: Callable[[], None]) -> list[int]:
    """Let so many changes of files happen and call `end` before the next; return the counter of those that are left."""
    counter = [left]
    replace_file, unlink, erase_events = Path.replace, Path.unlink, erasure.erase_events

    def count() -> None:
        counter[0] -= 1
        if counter[0] < 0:
            end()

    def counted_replace(self: Path, target: Path) -> Path:
        count()
        return replace_file(self, target)

    def counted_unlink(self: Path, missing_ok: bool = False) -> None:
        if files.TEMPORARY_PREFIX not in self.name and os.path.lexists(self):
            count()
        unlink(self, missing_ok=missing_ok)

    def counted_events(path: Path, is_about: Callable[[str], bool], *, write: bool) -> int:
        if write:
            count()
        return erase_events(path, is_about, write=write)

    patch.setattr(Path, "replace", counted_replace)
    patch.setattr(Path, "unlink", counted_unlink)
    patch.setattr(forget_workspace, "erase_events", counted_events)
    return counter


def _fresh(made: Workspace, root: Path) -> Workspace:
    shutil.rmtree(root, ignore_errors=True)
    return Workspace(shutil.copytree(made.root, root))


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_stopped_before_any_change_and_continued_equals_unbroken(made: Workspace, tmp_path: Path, step: int) -> None:
    root = tmp_path / "place"
    with pytest.MonkeyPatch.context() as patch:
        counter = stop_before(patch, 1000, stop)
        summary = forget(_fresh(made, root), subjects=["p01"])
    changes, expected = 1000 - counter[0], tree(root)
    assert changes > 30
    for left in [*range(0, changes, step), changes - 1]:
        place = _fresh(made, root)
        with pytest.MonkeyPatch.context() as patch:
            stop_before(patch, left, stop)
            with pytest.raises(Stopped):
                forget(place, subjects=["p01"])
        if left > 0:
            with pytest.raises(ResumeRefused, match="was forgetting faces when it was stopped; finish that first with"):
                ingest([place.root / "given"], place, OPTIONS)
        assert forget(place, subjects=["p01"]) == summary, left
        assert tree(root) == expected, left


def test_killed_and_continued_without_saying_what(made: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "place"
    summary = forget(_fresh(made, root), subjects=["p01"])
    expected, place = tree(root), _fresh(made, root)
    program = (
        "import os, signal, sys, pytest\n"
        "from fertools.transfer.forget import forget\n"
        "from tests.transfer.test_forget_stopped import stop_before\n"
        "stop_before(pytest.MonkeyPatch(), 25, lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
        "forget(sys.argv[1], subjects=['p01'])\n"
    )
    command = [sys.executable, "-c", program, str(root)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert place.forgetting.is_file()
    with pytest.raises(InputError, match="was forgetting faces when it was stopped; finish that"):
        forget(place, faces=["0" * 32], dry_run=True)
    assert forget(place) == summary
    assert tree(root) == expected


def test_another_request_first_finishes_the_one_that_was_stopped(made: Workspace, tmp_path: Path) -> None:
    place = _fresh(made, tmp_path / "place")
    with pytest.MonkeyPatch.context() as patch:
        stop_before(patch, 25, stop)
        with pytest.raises(Stopped):
            forget(place, sources=[source_of(place, ONE)])
    two = source_of(made, "two.mp4")
    assert forget(place, sources=[two]).faces == 2
    assert not place.forgetting.exists()
    assert not [name for source in (two, source_of(made, ONE)) for name in mentions(place.root, source)]


def test_a_workspace_that_was_stopped_among_several_is_continued(made: Workspace, tmp_path: Path) -> None:
    here, other = _fresh(made, tmp_path / "here"), _fresh(made, tmp_path / "other")
    summary = forget(here, subjects=["p01"], others=[other])
    expected = [tree(one.root) for one in (here, other)]
    changes = 0
    for left in (40, 55, 62, 68):
        here, other = _fresh(made, tmp_path / "here"), _fresh(made, tmp_path / "other")
        with pytest.MonkeyPatch.context() as patch:
            stop_before(patch, left, stop)
            with pytest.raises(Stopped):
                forget(here, subjects=["p01"], others=[other])
        changes += other.forgetting.exists()
        assert forget(here, subjects=["p01"], others=[other]) == summary
        assert [tree(one.root) for one in (here, other)] == expected
    assert changes > 0
