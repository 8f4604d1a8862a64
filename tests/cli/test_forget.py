"""`fertools forget`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertools.core.errors import StorageError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.transfer import forget as module
from tests.cli.conftest import Run, fertools, make_workspace

__all__ = ["fertools"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "dataset", subjects=3, per_emotion=1)


def test_a_dry_run_prints_what_the_command_removes(fertools: Run, workspace: Workspace) -> None:
    arguments = ("forget", "-w", workspace.root, "--subject", "s1", "--face", f"00000000{0:024x}", "--json")
    planned = fertools(*arguments, "--dry-run")
    assert planned.code == 0
    counts = json.loads(planned.out)
    assert (counts["faces"], counts["sources"], counts["crops"]) == (8, 8, 8)
    assert len(store.read_faces(workspace)) == 21
    assert json.loads(fertools(*arguments).out) == counts
    assert len(store.read_faces(workspace)) == 13
    assert "faces        0" in fertools(*arguments[:-1]).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--subject", "nobody"), "--subject has 'nobody', which is not in"),
        (("--source", "x.mp4"), "--source has 'x.mp4'"),
        ((), "nothing to forget is given; give --subject, for example"),
    ],
)
def test_what_is_not_there_is_refused(
    fertools: Run, workspace: Workspace, options: tuple[str, ...], words: str
) -> None:
    ended = fertools("forget", "-w", workspace.root, *options)
    assert ended.code == 2
    assert words in ended.err


def test_a_store_that_could_not_be_reached_is_an_item_that_failed(
    fertools: Run, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageError("it cannot be reached")

    monkeypatch.setattr(module, "known_stores", lambda _: ["s3://bucket/name"])
    monkeypatch.setattr(module, "forget_in_store", away)
    ended = fertools("forget", "-w", workspace.root, "--subject", "s1")
    assert ended.code == 3
    assert "unreached    s3://bucket/name: it cannot be reached" in ended.out
    assert "1 of 1 stores could not be cleaned" in ended.err
