"""Taking people out of the copies of a dataset: shares, merged workspaces and stores, and what is copied afterwards."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fertools.core.errors import ResumeRefused, StorageError
from fertools.core.objects import ObjectStore
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.manifests import store
from fertools.manifests.tombstones import read_tombstones
from fertools.manifests.validation import validate
from fertools.transfer.forget import forget
from fertools.transfer.merge import merge
from fertools.transfer.pull import pull
from fertools.transfer.push import push
from tests.transfer.forgetting import ONE, OPTIONS, faces_of, make_place, mentions, source_of
from tests.transfer.stores import balanced


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_place(tmp_path_factory.mktemp("made"))


@pytest.fixture
def copy(made: Workspace, tmp_path: Path) -> Callable[[str], Workspace]:
    def make(name: str) -> Workspace:
        return Workspace(shutil.copytree(made.root, tmp_path / name))

    return make


@pytest.fixture
def words(made: Workspace) -> tuple[str, ...]:
    source = source_of(made, ONE)
    return (*faces_of(made, source), source)


def _left(workspace: Workspace, words: tuple[str, ...]) -> list[str]:
    """Return what is left of a video in a workspace: paths of files, but not those of the user."""
    return [name for name in mentions(workspace.root, *words, "one.mp4") if not name.startswith("given/")]


def test_shares_are_cleaned_and_shares_that_are_ingested_later_obey(made: Workspace, tmp_path: Path) -> None:
    home = Workspace(tmp_path / "home")
    shares = [replace(OPTIONS, shard=(number, 2)) for number in (1, 2)]
    for share in shares:
        ingest([made.root / "given"], home, share)
    merge(home)
    summary = forget(home, subjects=["p01"])
    # Each row is in the workspace and in a share.
    assert (summary.faces, summary.sources, summary.crops) == (8, 8, 8)
    assert len(summary.workspaces) == 3
    assert not mentions(home.root, "p01")
    for share in shares:
        ingest([made.root / "given"], home, replace(share, overwrite=True))
    merge(home)
    assert not mentions(home.root, "p01")
    assert set(store.read_faces(home)["subject_id"].to_pylist()) == {"p02"}


def test_workspaces_that_were_merged_are_cleaned(
    copy: Callable[[str], Workspace], words: tuple[str, ...], tmp_path: Path
) -> None:
    first, other, total = copy("first"), copy("other"), Workspace(tmp_path / "total")
    merge(total, [first])
    summary = forget(total, sources=[words[-1]], others=[other])
    assert summary.workspaces == tuple(str(one.root) for one in (total, other, first))
    assert (summary.faces, summary.crops) == (9, 9)
    for one in (total, first, other):
        assert not _left(one, words)
        assert read_tombstones(one).has("source", words[-1])
        assert not validate(one).violations


def test_a_merge_brings_nothing_back_and_passes_tombstones_on(
    copy: Callable[[str], Workspace], words: tuple[str, ...], tmp_path: Path
) -> None:
    total, forgetful, full = Workspace(tmp_path / "total"), copy("forgetful"), copy("full")
    face = faces_of(full, source_of(full, "two.mp4"))[0]
    forget(forgetful, sources=[words[-1]])
    forget(forgetful, faces=[face])
    merge(total, [full])
    assert len(store.read_faces(total)) == 7
    # What one of them has forgotten leaves the result, too.
    merge(total, [forgetful])
    assert len(store.read_faces(total)) == 3
    assert not _left(total, (*words, face))
    merge(total, [full])
    assert not _left(total, (*words, face))
    assert not validate(total).violations
    # The same name may be another person in a dataset of another origin.
    forget(forgetful, subjects=["p02"])
    assert merge(total, [forgetful]).subjects == 1
    assert not read_tombstones(total).has("subject", "p02")


def test_another_workspace_keeps_its_person_of_the_same_name(copy: Callable[[str], Workspace]) -> None:
    here, other = copy("here"), copy("other")
    rows = store.read_faces(other)
    forget(here, subjects=["p01"], others=[other])
    # The faces of p01 are the same there, so they go; the name alone is no reason.
    assert len(store.read_faces(other)) == len(rows) - 4
    assert not read_tombstones(other).has("subject", "p01")
    assert read_tombstones(here).has("subject", "p01")


@pytest.mark.parametrize("url", ["memory", "file"], indirect=True)
def test_a_store_is_cleaned_and_passes_tombstones_on(
    url: str, copy: Callable[[str], Workspace], words: tuple[str, ...], tmp_path: Path
) -> None:
    mine, theirs, late = copy("mine"), Workspace(tmp_path / "theirs"), Workspace(tmp_path / "late")
    push(mine, url)
    pull(theirs, url, crops=True)
    face = faces_of(mine, source_of(mine, "two.mp4"))[0]
    summary = forget(mine, sources=[words[-1]])
    forget(mine, faces=[face])
    assert (summary.stores, summary.unreached) == ((url,), ())
    contents = ObjectStore.at(url)
    names = contents.sizes()
    for number, content in enumerate(contents.read(list(names)).values()):
        (tmp_path / "fetched").mkdir(exist_ok=True)
        (tmp_path / "fetched" / f"{number}.parquet").write_bytes(content)
    assert not [name for name in names if any(word in name for word in (*words, face))]
    pull(late, url, crops=True)
    assert not _left(late, (*words, face))
    assert store.read_faces(late).equals(store.read_faces(mine))
    # Who pulled before loses them by the next pull, and a push before that is refused.
    with pytest.raises(ResumeRefused, match="has forgotten faces that are still here; run"):
        push(theirs, url)
    assert balanced(pull(theirs, url, crops=True))
    assert not _left(theirs, (*words, face))
    assert store.read_faces(theirs).equals(store.read_faces(mine))
    assert read_tombstones(theirs).covers(read_tombstones(mine))
    for one in (mine, theirs):
        assert balanced(push(one, url))
        assert balanced(pull(one, url, crops=True))
        assert not validate(one).violations
        assert not _left(one, (*words, face))


def test_a_store_that_is_away_is_named_and_cleaned_later(
    copy: Callable[[str], Workspace], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    mine = copy("mine")
    push(mine, url)

    def away(*_: object) -> None:
        raise StorageError("the store cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "read_tagged", away)
        summary = forget(mine, sources=[words[-1]])
    assert (summary.faces, summary.unreached) == (3, (f"{url}: the store cannot be reached",))
    assert not mine.forgetting.exists()
    # Nothing comes back from there.
    assert balanced(pull(mine, url, crops=True))
    assert not _left(mine, words)
    assert len(ObjectStore.at(url).sizes()) > 15
    assert forget(mine).unreached == ()
    names = ObjectStore.at(url).sizes()
    assert not [name for name in names if any(word in name for word in words)]
    assert balanced(push(mine, url))


def test_a_push_cleans_a_store_that_was_away(
    copy: Callable[[str], Workspace], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, mine = f"memory://{uuid.uuid4().hex}", copy("mine")
    push(mine, url)

    def away(*_: object) -> None:
        raise StorageError("the store cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "read_tagged", away)
        forget(mine, sources=[words[-1]])
    assert balanced(push(mine, url))
    names = ObjectStore.at(url).sizes()
    assert not [name for name in names if any(word in name for word in words)]
    assert "manifests/forgotten.json" in names
