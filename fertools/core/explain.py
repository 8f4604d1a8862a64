"""Turn errors of the operating system and of libraries into one sentence for the user.

A full disk, a limit of open files, a missing permission or a damaged file is no bug of fertools. `explain` translates
errors of the operating system. `reading` translates whatever a library raises while it parses one file.
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
"""Errors that concern writing, whichever call raised them."""
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
"""Texts of errors that libraries and the interpreter raise without an error number."""


def explain(error: BaseException, path: Path | str | None = None) -> FertoolsError | None:
    """Return the error to show for an error of the operating system, or None if `error` is none.

    Args:
        error: the raised error, or an error of a library that carries the system's number or message.
        path: file that was in use, if the error names none.

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
    """Raise MachineError if `error` reports a limit of the machine, so that no file is blamed for it."""
    if isinstance(explained := explain(error, path), MachineError):
        raise explained from error


def blame(error: Exception, path: Path | str, what: str, remedy: str = "") -> InputError:
    """Return an error about one file for any error that was raised while reading it.

    The traceback goes to the log; `--debug` shows it.

    Args:
        error: the raised error.
        path: path of the file.
        what: what is wrong with the file, to follow its name, such as `cannot be read as Parquet`.
        remedy: what the user should do.

    Raises:
        FertoolsError: the file is not the cause: the work was interrupted, or the machine reached a limit.
    """
    explained = explain(error, path)
    if isinstance(explained, MachineError | Interrupted) and not isinstance(error, MemoryError):
        raise explained from error
    if isinstance(explained, InputError):
        return explained
    _LOG.debug("%s %s", path, what, exc_info=error)
    return InputError(f"{path} {what} ({first_line(error)})" + (f"; {remedy}" if remedy else ""))


@contextmanager
def reading(path: Path | str, what: str, remedy: str = "") -> Iterator[None]:
    """Turn any error of a library that parses a file into one sentence about the file.

    Parsers raise almost any error for damaged files. Put only calls of the library into the block: a bug in other code
    would be reported as a damaged file.

    Args:
        path: path of the file, or address of an object.
        what: what is wrong with the file, to follow its name, such as `cannot be read as Parquet`.
        remedy: what the user should do.

    Raises:
        InputError: the file is missing or damaged.
        MachineError: the machine reached a limit, for example of open files.

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
    return MachineError(f"this machine cannot continue{f' with {path}' if path else ''}: {words}")


def _place(error: OSError, path: Path | str | None) -> str | None:
    name = error.filename if error.filename is not None else path
    return None if name is None or isinstance(name, int) else os.fsdecode(name)


def _lost_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False
