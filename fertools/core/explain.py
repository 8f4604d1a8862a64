"""What the system and other libraries raise, as one sentence for the user.

A disk that is full, a limit on open files, a missing permission or a damaged file is nobody's bug. `explain` says so of
what the system raises. `reading` says so of whatever a library raises while it parses one file.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fertools.core import files
from fertools.core.errors import FertoolsError, InputError, Interrupted, MachineError, StorageError, first_line

_LOG = logging.getLogger(__name__)

_OPEN_FILES = "it has reached its limit of open files; raise the limit, such as by `ulimit -n 4096`, and run again"
_MEMORY = "it has no memory left; close other programs or give smaller sizes, and run again"
_THREADS = "it starts no more threads or processes; raise the limit, such as by `ulimit -u`, and run again"
_MACHINE = {
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _THREADS,
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""Errors that are about writing, whatever raised them."""
_REMEDIES = {
    errno.ENOENT: "put it back, or name one that is there",
    errno.EACCES: "allow it, or name another place",
    errno.EPERM: "allow it, or name another place",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a folder, not a file",
}
_WORDS = {
    os.strerror(errno.EMFILE): _OPEN_FILES,
    os.strerror(errno.ENOMEM): _MEMORY,
    "can't start new thread": _THREADS,
}
"""What libraries and the interpreter put into the text of an error that has no number."""


def explain(error: BaseException, path: Path | str | None = None) -> FertoolsError | None:
    """Return what to tell the user of an error that the system raised; None if it is no such error.

    Args:
        error: as it was raised, or by a library that passes the system's number or words on.
        path: the file at hand, where the error names none.

    Example:
        >>> print(explain(PermissionError(13, "Permission denied", "labels.csv")))
        cannot use labels.csv: Permission denied; allow it, or name another place, and run again
    """
    if isinstance(error, FertoolsError):
        return error
    if isinstance(error, MemoryError):
        return _refused(_MEMORY, path)
    if isinstance(error, UnicodeEncodeError):
        shown = ascii(error.object)[:120]
        return InputError(f"the name {shown} is not text that UTF-8 can hold; rename the file, or correct the argument")
    if isinstance(error, ImportError | RuntimeError | OSError):
        number = error.errno if isinstance(error, OSError) else None
        words = next((words for sign, words in _WORDS.items() if sign in str(error)), None)
        if words := _MACHINE.get(number or 0, words):
            return _refused(words, path)
    if not isinstance(error, OSError) or not error.errno:
        return None
    place = _place(error, path)
    if place is None and error.errno == errno.ENOENT and _lost_folder():
        return InputError("the folder that this command runs in has been removed; change to another and run again")
    if error.errno in _FULL:
        return StorageError(
            f"cannot write {place or 'a file'}: {files.storage_reason(error)}; free or allow space there and run again"
        )
    reason = os.strerror(error.errno)
    remedy = _REMEDIES.get(error.errno, "look into the disk that it is on, or name another")
    return InputError(f"cannot use {place or 'a file'}: {reason}; {remedy}, and run again")


def raise_of_machine(error: BaseException, path: Path | str | None = None) -> None:
    """Raise MachineError if `error` says that the machine refuses to go on, so that no file is blamed for it."""
    if isinstance(told := explain(error, path), MachineError):
        raise told from error


def blame(error: Exception, path: Path | str, what: str, remedy: str = "") -> InputError:
    """Return the error of one file for whatever was raised while it was read.

    The traceback goes to the log, which `--debug` shows.

    Args:
        error: what was raised.
        path: the file.
        what: what is wrong, to stand behind its name, such as `cannot be read as Parquet`.
        remedy: what to do about it.

    Raises:
        FertoolsError: the error is not the file's: the work was stopped, or the machine refuses to go on.
    """
    told = explain(error, path)
    if isinstance(told, MachineError | Interrupted) and not isinstance(error, MemoryError):
        raise told from error
    if isinstance(told, InputError):
        return told
    _LOG.debug("%s %s", path, what, exc_info=error)
    return InputError(f"{path} {what} ({first_line(error)})" + (f"; {remedy}" if remedy else ""))


@contextmanager
def reading(path: Path | str, what: str, remedy: str = "") -> Iterator[None]:
    """Turn whatever a library raises while it parses the file at `path` into one sentence about that file.

    Parsers of damaged files raise nearly anything. So keep the block to the calls of the library: an error of ours in
    it would be taken for the file's.

    Args:
        path: the file, or the address of an object.
        what: what is wrong if an error is raised, such as `cannot be read as Parquet`.
        remedy: what to do about it.

    Raises:
        InputError: the file is missing or damaged.
        MachineError: the machine refuses, for example to open one more file.

    Example:
        >>> with reading(Path("a.toml"), "is not valid TOML", "correct it"):
        ...     raise ValueError("no '=' in line 1")
        Traceback (most recent call last):
        fertools.core.errors.InputError: a.toml is not valid TOML (no '=' in line 1); correct it
    """
    try:
        yield
    except FertoolsError:
        raise
    except Exception as error:
        raise blame(error, path, what, remedy) from error


def _refused(words: str, path: Path | str | None) -> MachineError:
    return MachineError(f"the machine refuses to go on{f' with {path}' if path else ''}: {words}")


def _place(error: OSError, path: Path | str | None) -> str | None:
    name = error.filename if error.filename is not None else path
    return None if name is None or isinstance(name, int) else os.fsdecode(name)


def _lost_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False
