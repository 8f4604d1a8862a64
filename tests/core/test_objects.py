"""Objects by their address: in memory, in a folder, and on an S3 server (see the fixture `url`)."""

from __future__ import annotations

import pytest

from fertools.core.errors import StorageError
from fertools.core.objects import ObjectStore


def test_a_store_writes_on_a_condition(url: str) -> None:
    remote = ObjectStore.at(url)
    assert remote.read_tagged("a") == (None, None)
    assert remote.replace("a", b"1", None)
    content, tag = remote.read_tagged("a")
    assert content == b"1"
    assert not remote.replace("a", b"2", None)
    assert not remote.replace("b", b"2", tag)
    assert remote.replace("a", b"22", tag)
    assert not remote.replace("a", b"333", tag)
    assert remote.read_tagged("a")[0] == b"22"
    assert remote.sizes() == {"a": 2}
    remote.write({"x/b": b"4", "x/c": b"55"})
    assert remote.read(["x/b", "x/c"]) == {"x/b": b"4", "x/c": b"55"}
    assert remote.below("x").sizes() == {"b": 1, "c": 2}
    remote.remove("x/b")
    assert remote.sizes() == {"a": 2, "x/c": 2}
    with pytest.raises(StorageError, match="cannot read"):
        remote.read(["x/b"])


@pytest.mark.parametrize("url", ["s3"], indirect=True)
def test_a_second_try_that_meets_what_the_first_wrote_has_succeeded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only S3 has conditions, and with them this trap.
    remote = ObjectStore.at(url)
    real = remote._files.pipe_file

    def twice(*given: object, **named: object) -> None:
        real(*given, **named)
        real(*given, **named)

    monkeypatch.setattr(remote._files, "pipe_file", twice)
    assert remote.replace("a", b"1", None)


@pytest.mark.parametrize("url", ["s3"], indirect=True)
def test_a_manifest_of_many_megabytes_is_one_conditional_request(url: str) -> None:
    # s3fs would send 100 MB in pieces, and the condition would be lost.
    remote, content = ObjectStore.at(url), bytes(101 * 2**20)
    assert remote.replace("a", b"1", None)
    tag = remote.read_tagged("a")[1]
    assert remote.replace("a", b"2", tag)
    assert not remote.replace("a", content, tag)
    assert remote.sizes() == {"a": 1}
