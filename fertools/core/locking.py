"""One writer at a time: a lock that the system gives back when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from fertools.core import files
from fertools.core.errors import InputError


@contextlib.contextmanager
def exclusive(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock on the file at `path` while the block runs.

    Args:
        path: the lock file; it is made if missing and stays, empty, afterwards.
        purpose: what is being done, for the message to a second comer, such as `an ingest`.

    Raises:
        InputError: another process holds the lock.
        StorageError: the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with files.storage_told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = stack.enter_context(path.open("a"))
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{path.parent.parent} is in use: {purpose} has to wait until the other command there ends"
            ) from error
        yield
