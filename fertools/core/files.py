"""Atomic files: a reader sees the old content or the new, never a part.

A file is written under a temporary name in the folder it will live in, flushed to the disk, renamed over
the old one, and the folder is flushed so that the rename survives a power cut too.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from fertools.core.errors import StorageError
from fertools.core.hashing import hash_bytes

TEMPORARY_PREFIX = ".fertools-tmp-"
"""How the name of an unfinished file begins. The machine and the process that write it follow."""
_HOST = hash_bytes(os.uname().nodename.encode())[:8]
_ABANDONED_S = 86_400
"""Age at which an unfinished file of another machine counts as left behind: a day, since its process cannot be seen."""


@contextlib.contextmanager
def replacing(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path whose file becomes `path` when the block ends without an error.

    The temporary name keeps the suffix of `path`, because writers such as OpenCV choose the format by it.
    On any error the temporary file is removed and `path` is left as it was.

    Args:
        path: where the finished file goes; missing parent folders are made.
        flush: False for one of many files that the caller flushes together before it says that they exist.

    Raises:
        StorageError: the disk is full or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with replacing(target) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{_HOST}-{os.getpid()}-{uuid.uuid4().hex}{path.suffix}"
    try:
        # Asked first: making a folder that is there takes as long as the whole of a small file.
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if flush:
            _flush(temporary)
        temporary.replace(path)
        if flush:
            _flush(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(error, path) from error
        raise


def write_bytes(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write `content` to `path` atomically (see `replacing`)."""
    # Unbuffered, which is half as many calls of the system for one of thousands of small files.
    with replacing(path, flush=flush) as temporary, temporary.open("wb", buffering=0) as stream:
        rest = memoryview(content)
        while rest:
            rest = rest[stream.write(rest) :]


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` atomically as UTF-8 with the line ends it has."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` atomically as indented JSON with a final newline."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def anonymous_file(folder: Path) -> IO[bytes]:
    """Return a new file in `folder` for reading and writing that has no name, and is gone when it is closed.

    Whatever ends the process, a kill too, closes it. Where a file system needs a name for a moment, it begins as
    those of unfinished files do.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX)
    except OSError as error:
        raise storage_error(error, folder) from error


def append(file: IO[bytes], content: Any, folder: Path, alignment: int) -> int:
    """Write `content` behind what is in a anonymous_file file, and return where it begins.

    Args:
        file: of `anonymous_file`.
        content: bytes, or what gives its bytes as they lie in memory.
        folder: where the file is, to be named if that fails.
        alignment: of which the beginning is a multiple.

    Raises:
        StorageError: the disk is full.
    """
    try:
        end = file.seek(0, os.SEEK_END)
        file.write(bytes(-end % alignment))
        start = file.tell()
        file.write(content)
        file.flush()
    except OSError as error:
        raise storage_error(error, folder) from error
    return start


@contextlib.contextmanager
def storage_told(path: Path) -> Iterator[None]:
    """Turn an error of the system into one that says why `path` cannot be written, where that is why.

    Raises:
        StorageError: the disk is full or read-only, or the place is not this user's.
    """
    try:
        yield
    except OSError as error:
        if storage_reason(error) is None:
            raise
        raise storage_error(error, path) from error


def storage_error(error: OSError, path: Path) -> OSError | StorageError:
    """Return the error to raise: one that says what is wrong with the place, or else `error` itself."""
    if (reason := storage_reason(error)) is None:
        return error
    return StorageError(f"cannot write {path}: {reason}; free or allow space there and run again")


def remove_unfinished(folder: Path, *, below: bool = True) -> int:
    """Delete what killed writers left in a folder, and return how many files that was.

    What a process of this machine is still writing stays, and for a day what another machine began.

    Args:
        folder: where to look; it need not exist.
        below: look into its subfolders too.
    """
    search = folder.rglob if below else folder.glob
    leftovers = [path for path in search(f"{TEMPORARY_PREFIX}*") if _is_abandoned(path)] if folder.is_dir() else []
    for leftover in leftovers:
        with contextlib.suppress(OSError):
            leftover.unlink(missing_ok=True)
    return len(leftovers)


def _is_abandoned(path: Path) -> bool:
    host, _, rest = path.name.removeprefix(TEMPORARY_PREFIX).partition("-")
    pid = rest.partition("-")[0]
    if not pid.isdecimal():
        return True
    if host != _HOST:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > _ABANDONED_S
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def storage_reason(error: OSError) -> str | None:
    """Return the plain reason if `error` says that a place cannot take more data, else None."""
    return _STORAGE_REASONS.get(error.errno or 0)


_STORAGE_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EFBIG: "the file would be larger than this disk allows",
    errno.ENOTDIR: "a part of that path is a file, not a folder",
    errno.EEXIST: "a part of that path is a file, not a folder",
}


def _flush(path: Path) -> None:
    """Ask the system to put `path` (a file or a folder) on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
