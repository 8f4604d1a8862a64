"""Standard output and standard error: what happens to a command whose words cannot be delivered."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from fertools.core.errors import StorageError


class OutputError(StorageError):
    """Standard output takes no more."""


class _Unread(OutputError):
    """The reader of our output went away (`| head`), which is no error."""

    exit_code = 0


class _Output(io.FileIO):
    """Standard output, whose errors say that they are its own."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except BrokenPipeError as error:
            raise _Unread from error
        except OSError as error:
            raise OutputError(f"cannot write standard output: {error.strerror}; send it elsewhere") from error


def prepare() -> None:
    """Make both streams take what is printed, or refuse before anything is done.

    What a terminal's encoding cannot show is written out, such as the bytes of a file's name.

    Raises:
        OutputError: standard output is closed.
    """
    if sys.stderr is None:
        # The next file that is opened would get its number, and messages of libraries would go into that file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - a number, which stays open to the end
    if sys.stdout is None:
        raise OutputError("standard output is closed; send it to a file or to /dev/null, such as by `> result.txt`")
    if (given := sys.__stdout__) is not None and sys.stdout is given:
        raw = io.BufferedWriter(_Output(given.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(raw, given.encoding, "backslashreplace", line_buffering=given.isatty())
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Deliver what is still to be printed.

    Raises:
        OutputError: standard output takes no more.
    """
    # Here and not at the interpreter's end, where a full disk would be told by a traceback.
    sys.stdout.flush()


def discard() -> None:
    """Let what could not be delivered go nowhere, since Python tries once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
