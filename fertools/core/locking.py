"""Exclusive locks on files, which the operating system releases when the process ends for any reason."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from fertools.core import files
from fertools.core.arguments import either
from fertools.core.errors import InUse, StorageError

_WAITS: ContextVar[bool] = ContextVar("waits", default=False)


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Make `exclusive` wait for a lock that another process holds, instead of raising, while the block runs."""
    token = _WAITS.set(True)
    try:
        yield
    finally:
        _WAITS.reset(token)


@contextlib.contextmanager
def exclusive(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock on the file at `path` while the block runs.

    Args:
        path: the lock file. It is created if missing and stays as an empty file.
        purpose: name of the operation, such as `an ingest`, for the message.

    Raises:
        InUse: another process holds the lock, and the call is not inside `waiting`.
        StorageError: the lock file, and with it the output of the block, was removed while the block ran.
    """
    place = path.parent.parent
    with _opened(path) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not _WAITS.get():
                raise InUse(
                    f"{place} is in use: {purpose} has to wait until the other command there ends; run it again "
                    f"then{either('', ', or with --wait')}"
                ) from error
            print(f"fertools: {place} is in use; {purpose} waits until the other command there ends", file=sys.stderr)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
        if not _is_there(path, stream):
            raise StorageError(f"{place} was removed while {purpose} ran; put it back or run the same command again")


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise files.storage_error(error, path) from error


def _is_there(path: Path, stream: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except OSError:
        return False
