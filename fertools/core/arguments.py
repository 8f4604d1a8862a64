"""Marks for arguments and functions in the messages of the library.

A Python user passes `min_face=40`, a user of the command line types `--min-face 40`. So a message marks the names of
arguments and functions. An error shows them in Python's form, and the command line shows the same error with flags.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

_BEGIN, _PARTED, _END = "\x02", "\x1f", "\x03"
"""Control characters, which no path and no text of a user contains in a message."""
_MARK = re.compile(f"{_BEGIN}([^{_PARTED}]*){_PARTED}([^{_END}]*){_END}")
_CALL, _EITHER = "()", "|"
"""How the name in a mark begins that stands for a function, and for other words."""


def argument(name: str) -> str:
    """Return a mark for an argument of a public function or a field of its options.

    Args:
        name: name in Python, such as `min_face`.

    Example:
        >>> in_python(f"{argument('min_face')} is 3; give 12 or more")
        '`min_face` is 3; give 12 or more'
    """
    return f"{_BEGIN}{name}{_PARTED}{_END}"


def given(name: str, value: object) -> str:
    """Return a mark for an argument with a value, as advice in a message.

    Args:
        name: name in Python, such as `overwrite`.
        value: value to pass.

    Example:
        >>> in_python(f"begin again with {given('resume', False)}")
        'begin again with `resume=False`'
    """
    return f"{_BEGIN}{name}{_PARTED}{value!r}{_END}"


def call(function: str, command: str) -> str:
    """Return a mark for a call of a public function, as advice in a message.

    Args:
        function: the call in Python without the package, such as `split(workspace, folds=10)`.
        command: the same on the command line without the program, such as `split --folds 10`.

    Example:
        >>> in_python(f"run {call('split(workspace, folds=10)', 'split --folds 10')} first")
        'run `fertools.split(workspace, folds=10)` first'
    """
    return f"{_BEGIN}{_CALL}{function}{_PARTED}{command}{_END}"


def either(python: str, command_line: str) -> str:
    """Return a mark for words that differ between the two, where a name alone does not do.

    Args:
        python: what a user of Python reads.
        command_line: what a user of the command line reads.

    Example:
        >>> in_python(f"run it again later{either('', ', or with --wait')}")
        'run it again later'
    """
    return f"{_BEGIN}{_EITHER}{python}{_PARTED}{command_line}{_END}"


def in_python(message: str) -> str:
    """Return a message with its marks in Python's form."""

    def write(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name.startswith(_CALL):
            return f"`fertools.{name.removeprefix(_CALL)}`"
        if name.startswith(_EITHER):
            return name.removeprefix(_EITHER)
        return f"`{name}={value}`" if value else f"`{name}`"

    return _MARK.sub(write, message)


def on_command_line(message: str, flag: Callable[[str], str]) -> str:
    """Return a message with its marks in the form of the command line.

    Args:
        message: message with marks.
        flag: function that returns the flag of an argument by its name in Python.

    Example:
        >>> on_command_line(f"begin again with {given('resume', False)}", "--{}".format)
        'begin again with --no-resume'
    """

    def write(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name.startswith(_CALL):
            return f"`fertools {value}`"
        if name.startswith(_EITHER):
            return value
        if value == "False":
            return flag(name).replace("--", "--no-", 1)
        return flag(name) if value in ("", "True") else f"{flag(name)} {value.strip(chr(39))}"

    return _MARK.sub(write, message)


def first_argument(message: str) -> str | None:
    """Return the argument that a message is about: the first one that it names without a value."""
    names = (match[1] for match in _MARK.finditer(message) if not match[2])
    return next((name for name in names if not name.startswith(_EITHER)), None)


_shown_by: Callable[[str], str] = in_python


@contextlib.contextmanager
def showing(write: Callable[[str], str]) -> Iterator[None]:
    """Show messages as `write` writes their marks, for the time of a block; the command line does so.

    Args:
        write: returns a message without marks.
    """
    global _shown_by
    before, _shown_by = _shown_by, write
    try:
        yield
    finally:
        _shown_by = before


def shown(message: str) -> str:
    """Return a message as this program shows it: as Python writes it, unless it is the command line."""
    return _shown_by(message)
