from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fertools.core.errors import FertoolsError, InputError, Interrupted, MachineError, StorageError
from fertools.core.explain import explain, raise_of_machine, reading


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.mp4"), MachineError, "limit of open files"),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), MachineError, "open files"),
        (RuntimeError("can't start new thread"), MachineError, "no more threads"),
        (RuntimeError("you tried to allocate 9 bytes: Cannot allocate memory"), MachineError, "no memory left"),
        (MemoryError(), MachineError, "no memory left"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a"), StorageError, "cannot write a: the disk is full"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "a"), StorageError, "the disk is read-only"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a"), InputError, "cannot use a: Permission denied"),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a"), InputError, "put it back"),
        (OSError(errno.EIO, os.strerror(errno.EIO), "a"), InputError, "look into the disk"),
    ],
)
def test_what_the_system_raises(error: Exception, kind: type[FertoolsError], words: str) -> None:
    told = explain(error)
    assert type(told) is kind
    assert told.exit_code == 2
    assert words in str(told)


def test_a_name_that_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError) as raised:
        "a\udcff.csv".encode()
    assert "a\\udcff.csv" in str(explain(raised.value))


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError("without a number"), RuntimeError("x")])
def test_what_may_be_a_bug_is_not_explained(error: Exception) -> None:
    assert explain(error) is None
    raise_of_machine(error)


@pytest.mark.parametrize("error", [ValueError("x"), IndexError(), RecursionError("deep"), MemoryError(), OSError("x")])
def test_whatever_a_parser_raises_is_the_files(error: Exception) -> None:
    with (
        pytest.raises(InputError, match=r"^a\.toml is not TOML \(.+\); correct it$"),
        reading("a.toml", "is not TOML", "correct it"),
    ):
        raise error


@pytest.mark.parametrize(
    "error", [OSError(errno.EMFILE, "x"), OSError(errno.ENOSPC, "x"), Interrupted("stop"), StorageError("full")]
)
def test_a_file_is_not_blamed_for_the_machine(error: Exception) -> None:
    with pytest.raises((MachineError, Interrupted)), reading(Path("a"), "is bad"):
        raise error
