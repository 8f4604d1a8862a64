"""Copies in object storage: in memory, in a folder, and on an S3 server (see the fixture `url`)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from fertools.core import locking
from fertools.core.errors import FertoolsError, InputError, ResumeRefused, SchemaError, StorageError
from fertools.core.objects import ObjectStore
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.manifests.validation import validate
from fertools.transfer.merge import merge
from fertools.transfer.pull import pull
from fertools.transfer.push import push
from tests.manifests.rows import identify, source
from tests.transfer.stores import add_part, balanced, contents, label, make_dataset

WITHOUT_A_SERVER = pytest.mark.parametrize("url", ["memory", "file"], indirect=True)
"""Labels, options and shares come together alike in every store; an S3 server takes seconds for each such test."""


@pytest.fixture
def mine(tmp_path: Path) -> Workspace:
    return make_dataset(tmp_path / "mine")


def test_what_was_pushed_is_pulled_byte_for_byte(url: str, mine: Workspace, tmp_path: Path) -> None:
    label(mine, emotion="fear", emotion_origin="import:x", fold=0)
    mine.save_settings("split", {"folds": 1, "seed": 0})
    summary = push(mine, url)
    # 4 crops and 3 in another template; two tables for each of 4 parts; settings, sources and manifest.
    assert (summary.parts, summary.objects, summary.copied, summary.before) == (4, 7 + 8 + 3, 18, 0)
    theirs = Workspace(tmp_path / "theirs")
    pulled = pull(theirs, url)
    assert (pulled.copied, pulled.tables, pulled.left, pulled.ignored) == (8, 3, 7, 0)
    assert balanced(pulled)
    assert contents(theirs) == contents(mine, crops=False)
    pulled = pull(theirs, url, crops=True)
    assert (pulled.copied, pulled.before, pulled.left) == (7, 8, 0)
    assert contents(theirs) == contents(mine)
    assert theirs.settings() == mine.settings()
    assert not validate(theirs).violations
    # Again: nothing to do, in either direction and from either side.
    for one in (mine, theirs):
        assert (push(one, url).copied, pull(one, url, crops=True).copied) == (0, 0)
        assert contents(one) == contents(mine)


def test_only_what_is_new_is_sent(url: str, mine: Workspace, tmp_path: Path) -> None:
    push(mine, url)
    theirs = Workspace(tmp_path / "theirs")
    pull(theirs, url)
    add_part(mine, "d.mp4", 2)
    store.rebuild(mine)
    summary = push(mine, url)
    assert (summary.copied, summary.before) == (3 + 2 + 2, 16)
    # A pull without crops, an ingest and a push: crops that lie in the store are not asked for here.
    assert pull(theirs, url).copied == 2
    add_part(theirs, "e.mp4", 1)
    store.rebuild(theirs)
    assert push(theirs, url).copied == 2 + 2 + 2
    pull(mine, url, crops=True)
    assert {row["path"] for row in store.read_sources(mine).to_pylist()} == {
        *("a.mp4", "b.mp4", "c.mp4", "broken.mp4", "d.mp4", "e.mp4")
    }
    assert not validate(mine).violations


@WITHOUT_A_SERVER
def test_labels_of_both_sides_come_together(url: str, mine: Workspace, tmp_path: Path) -> None:
    push(mine, url)
    theirs = Workspace(tmp_path / "theirs")
    pull(theirs, url)
    label(theirs, emotion="anger", emotion_origin="person")
    push(theirs, url)
    label(mine, valence=0.5, arousal=0.25, va_origin="person")
    with pytest.raises(ResumeRefused, match=r"has 4 faces' labels that are not here; run `fertools\.pull"):
        push(mine, url)
    pull(mine, url)
    rows = store.read_faces(mine).to_pylist()
    assert {(row["emotion"], row["emotion_origin"], row["valence"]) for row in rows} == {("anger", "person", 0.5)}
    push(mine, url)
    pull(theirs, url)
    assert contents(theirs, crops=False) == contents(mine, crops=False)


@WITHOUT_A_SERVER
@pytest.mark.parametrize(("prefer", "wins"), [("store", "anger"), ("here", "fear")])
def test_labels_that_both_sides_changed_are_refused(
    url: str, mine: Workspace, tmp_path: Path, prefer: str, wins: str
) -> None:
    push(mine, url)
    theirs = Workspace(tmp_path / "theirs")
    pull(theirs, url)
    label(theirs, emotion="anger", emotion_origin="person")
    push(theirs, url)
    label(mine, emotion="fear", emotion_origin="person")
    before = contents(mine)
    for copy in (push, pull):
        with pytest.raises(
            ResumeRefused, match=r"4 faces got another emotion in .* than here, the first is [0-9a-f]{32}"
        ):
            copy(mine, url)
    assert contents(mine) == before
    pull(mine, url, prefer=prefer)  # type: ignore[arg-type]
    assert set(store.read_faces(mine)["emotion"].to_pylist()) == {wins}
    push(mine, url)
    pull(theirs, url)
    assert set(store.read_faces(theirs)["emotion"].to_pylist()) == {wins}


@WITHOUT_A_SERVER
def test_a_source_that_was_tried_again_is_replaced_there_too(url: str, mine: Workspace, tmp_path: Path) -> None:
    push(mine, url)
    theirs = Workspace(tmp_path / "theirs")
    pull(theirs, url, crops=True)
    assert store.forget_failed(mine) == 1
    add_part(mine, "broken.mp4", 2)
    store.rebuild(mine)
    push(mine, url)
    pull(theirs, url, crops=True)
    assert contents(theirs) == contents(mine)
    # Both change the same part, in other ways.
    for one, reason in ((mine, "it is cut off"), (theirs, "it has no video track")):
        row = source("broken.mp4", status="failed", reason=reason)
        path = one.parts / f"{identify('part broken.mp4')}.sources.parquet"
        store.write_table(path, SOURCES, SOURCES.table([row]))
        store.rebuild(one)
    push(mine, url)
    with pytest.raises(ResumeRefused, match="was changed in"):
        pull(theirs, url)


@WITHOUT_A_SERVER
def test_other_options_are_refused_and_named(url: str, mine: Workspace, tmp_path: Path) -> None:
    push(mine, url)
    other = make_dataset(tmp_path / "other", "z.mp4", crop_px=64)
    before = ObjectStore.at(url).sizes(), contents(other)
    for copy in (push, pull):
        with pytest.raises(ResumeRefused, match="was ingested with crop_px 16, but this workspace with 64"):
            copy(other, url)
    assert (ObjectStore.at(url).sizes(), contents(other)) == before


def test_of_two_first_pushes_at_one_moment_one_is_refused(
    url: str, mine: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_dataset(tmp_path / "other", "z.mp4", crop_px=64)
    real = ObjectStore.replace

    def late(self: ObjectStore, name: str, content: bytes, tag: str | None) -> bool:
        monkeypatch.setattr(ObjectStore, "replace", real)
        push(other, url)
        return real(self, name, content, tag)

    monkeypatch.setattr(ObjectStore, "replace", late)
    with pytest.raises(ResumeRefused, match="was ingested with crop_px 64, but this workspace with 16"):
        push(mine, url)
    pulled = Workspace(tmp_path / "pulled")
    pull(pulled, url, crops=True)
    assert contents(pulled) == contents(other)


def test_labels_that_come_while_a_push_runs_are_not_overwritten(
    url: str, mine: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(mine, url)
    theirs = Workspace(tmp_path / "theirs")
    pull(theirs, url)
    label(theirs, intensity=0.5)
    label(mine, emotion="fear", emotion_origin="person")
    real = ObjectStore.replace

    def late(self: ObjectStore, name: str, content: bytes, tag: str | None) -> bool:
        monkeypatch.setattr(ObjectStore, "replace", real)
        push(theirs, url)
        return real(self, name, content, tag)

    monkeypatch.setattr(ObjectStore, "replace", late)
    with pytest.raises(ResumeRefused, match=r"the labels in .* were changed during this push"):
        push(mine, url)
    pull(mine, url)
    rows = store.read_faces(mine).to_pylist()
    assert {(row["emotion"], row["intensity"]) for row in rows} == {("fear", 0.5)}


@WITHOUT_A_SERVER
def test_shares_are_pushed_pulled_and_merged(url: str, tmp_path: Path) -> None:
    shares = {"1-of-2": ("a.mp4", "b.mp4"), "2-of-2": ("c.mp4",)}
    for name, videos in shares.items():
        machine = Workspace(tmp_path / f"machine {name}")
        share = make_dataset(machine.shards / name, *videos, broken=f"{name}.mp4")
        record = {"share": name.replace("-of-", "/"), "listing": "l", "files": 3, "finished": True}
        share.save_settings("shard", record)
        push(machine, url)
    one = Workspace(tmp_path / "one")
    assert pull(one, url, crops=True).parts == 3 + 2
    assert sorted(path.name for path in one.shards.iterdir()) == sorted(shares)
    assert merge(one).sources == {"done": 3, "failed": 2}
    assert not validate(one).violations
    # Merged, it is pushed beside them, and a share keeps its place.
    push(one, url)
    assert pull(Workspace(tmp_path / "again"), url).ignored == 0
    with pytest.raises(ResumeRefused, match=r"was ingested with share 1/2, but this workspace with 2/2"):
        push(Workspace(tmp_path / "machine 2-of-2" / "shards" / "2-of-2"), f"{url}/shards/1-of-2")


def _lose_a_crop(workspace: Workspace, _: str) -> None:
    next(workspace.crops.glob("[0-9a-f][0-9a-f]/*.png")).unlink()


def _forget_the_ingest(workspace: Workspace, _: str) -> None:
    workspace.settings_path.unlink()


def _spoil_settings(_: Workspace, url: str) -> None:
    ObjectStore.at(url).write({"fertools.toml": b"a = "})


def _spoil_manifest(_: Workspace, url: str) -> None:
    ObjectStore.at(url).write({"manifests/faces.parquet": b"PAR1 but not really"})


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_lose_a_crop, InputError, "the crop .* is missing"),
        (_forget_the_ingest, InputError, "nothing was ingested in"),
        (_spoil_settings, InputError, r"memory://.*/fertools\.toml is not valid TOML"),
        (_spoil_manifest, SchemaError, r"memory://.*/manifests/faces\.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_pushed_is_said(
    mine: Workspace, spoil: Callable[[Workspace, str], None], error: type[FertoolsError], words: str
) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    spoil(mine, url)
    with pytest.raises(error, match=words):
        push(mine, url)


def test_a_damaged_part_is_refused_and_nothing_of_it_kept(mine: Workspace, tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    push(mine, url)
    part = sorted(path.name for path in mine.parts.glob("*.faces.parquet"))[-1]
    ObjectStore.at(url).write({f"manifests/parts/{part}": b"PAR1 but not really"})
    pulled = Workspace(tmp_path / "pulled")
    with pytest.raises(SchemaError, match=rf"memory://.*/{part} cannot be read as Parquet"):
        pull(pulled, url, crops=True)
    assert not validate(pulled).violations
    assert len(store.read_sources(pulled)) == 3


def test_strange_objects_are_counted_and_left(url: str, mine: Workspace, tmp_path: Path) -> None:
    push(mine, url)
    stray = {
        "notes.txt": b"x",
        f"faces/ab/{'ab' * 16}.jpg": b"a crop of nobody",
        f"manifests/parts/{'cd' * 16}.faces.parquet": b"the half of a part",
        "faces/evil.sh": b"x",
    }
    ObjectStore.at(url).write(stray)
    pulled = Workspace(tmp_path / "pulled")
    summary = pull(pulled, url, crops=True)
    assert summary.ignored == len(stray)
    assert balanced(summary)
    assert contents(pulled) == contents(mine)


def test_one_command_at_a_time(mine: Workspace) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    with locking.exclusive(mine.lock_path, "an ingest"):
        for copy in (push, pull):
            if copy is pull:
                ObjectStore.at(url).write({"fertools.toml": b""})
            with pytest.raises(InputError, match="is in use"):
                copy(mine, url)


@pytest.mark.parametrize(
    ("variables", "address", "words"),
    [
        ({}, "s3://no-such-bucket-anywhere/x", r"cannot (list|read) s3://no-such-bucket-anywhere/x: .*bucket"),
        (
            # One attempt: the pauses between several take ten seconds.
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"},
            "s3://bucket/x",
            r"cannot (list|read) s3://bucket/x: .*127\.0\.0\.1:1",
        ),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "s3://bucket/x", "credentials"),
    ],
)
@pytest.mark.parametrize("url", ["s3"], indirect=True)
def test_trouble_with_the_network_is_one_sentence(
    url: str,
    mine: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    address: str,
    words: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    for copy in (push, pull):
        with pytest.raises(StorageError, match=words) as raised:
            copy(mine, address)
        assert "\n" not in str(raised.value)
        assert raised.value.exit_code == 2
