"""Atomic files: a reader sees the old content or the new content, never a part of it.

A file is written under a temporary name in its final folder, flushed to the disk and renamed over the old file. The
folder is flushed as well, so that the rename survives a power failure.
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
"""Prefix of the name of an unfinished file; the machine and the process that write it follow."""
_HOST = hash_bytes(os.uname().nodename.encode())[:8]
_ABANDONED_S = 86_400
"""Age in seconds at which an unfinished file of another machine counts as abandoned; its process is not visible."""


@contextlib.contextmanager
def replacing(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path; its file becomes `path` if the block ends without an error.

    The temporary name keeps the suffix of `path`, because writers such as OpenCV derive the format from it. After an
    error the temporary file is removed and `path` is unchanged.

    Args:
        path: path of the finished file; missing parent folders are created.
        flush: False for one of many files that the caller flushes together before it relies on them.

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
        # Checked first, because creating an existing folder takes as long as writing a small file.
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
    # Unbuffered, which halves the number of system calls for a small file.
    with replacing(path, flush=flush) as temporary, temporary.open("wb", buffering=0) as stream:
        rest = memoryview(content)
        while rest:
            rest = rest[stream.write(rest) :]


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` atomically as UTF-8, without changing its line ends."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` atomically as indented JSON with a final newline."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def anonymous_file(folder: Path) -> IO[bytes]:
    """Return a new file in `folder` without a name, for reading and writing; closing it deletes it.

    The end of the process closes it, too, even after SIGKILL. If the file system needs a name for a moment, it has the
    prefix of unfinished files.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX)
    except OSError as error:
        raise storage_error(error, folder) from error


def append(file: IO[bytes], content: Any, folder: Path, alignment: int) -> int:
    """Append `content` to an anonymous file and return its start position.

    Args:
        file: a file from `anonymous_file`.
        content: bytes, or an object with the buffer protocol.
        folder: folder of the file, for the error message.
        alignment: the start position is a multiple of this number of bytes.

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
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an error of the operating system in the block into a StorageError, if `path` cannot be written.

    Raises:
        StorageError: the disk is full or read-only, or the user may not write there.
    """
    try:
        yield
    except OSError as error:
        if storage_reason(error) is None:
            raise
        raise storage_error(error, path) from error


def storage_error(error: OSError, path: Path) -> OSError | StorageError:
    """Return a StorageError with the reason why `path` cannot be written, or `error` itself if it has another cause."""
    if (reason := storage_reason(error)) is None:
        return error
    return StorageError(f"cannot write {path}: {reason}; free or allow space there and run again")


def remove_unfinished(folder: Path, *, below: bool = True) -> int:
    """Delete the unfinished files of killed processes in a folder and return their number.

    Files that a process of this machine is still writing stay. Files of other machines stay for a day.

    Args:
        folder: folder to search; it need not exist.
        below: whether to search its subfolders, too.
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
    """Return the reason in plain words if `error` means that a path cannot be written, else None."""
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
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
