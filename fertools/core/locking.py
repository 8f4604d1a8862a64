"""One writer at a time: a lock that the system gives back when its holder dies, however it dies."""

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
from fertools.core.errors import InputError, StorageError

_WAITS: ContextVar[bool] = ContextVar("waits", default=False)


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Let `exclusive` wait for a lock that another process holds, instead of refusing, while the block runs."""
    token = _WAITS.set(True)
    try:
        yield
    finally:
        _WAITS.reset(token)


@contextlib.contextmanager
def exclusive(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock on the file at `path` while the block runs.

    Args:
        path: the lock file; it is made if missing and stays, empty, afterwards.
        purpose: what is being done, for the message to a second comer, such as `an ingest`.

    Raises:
        InputError: another process holds the lock, outside of `waiting`.
        StorageError: the lock file was removed while the block ran, and with it what the block wrote.
    """
    place = path.parent.parent
    with _opened(path) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not _WAITS.get():
                raise InputError(
                    f"{place} is in use: {purpose} has to wait until the other command there ends; run it again then, "
                    f"or with --wait"
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
