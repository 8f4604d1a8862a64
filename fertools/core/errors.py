"""The errors that fertools raises on purpose, and the exit code of each one.

    FertoolsError            1   a bug in fertools, if it reaches a user as itself
    ├── InputError           2   an option, a file or a value cannot be used
    │   ├── SchemaError      2   a table has another schema version, or breaks an invariant on reading
    │   ├── RecipeError      2   a training recipe has an unknown system, preset, key or value
    │   ├── InUse            2   another command works in the same place
    │   └── DeviceError      2   a device is unknown or not on this machine
    ├── MachineError         2   a limit of the machine: open files, memory, threads
    │   └── StorageError     2   the disk is full, or a folder cannot be written
    ├── ItemsFailed          3   the work finished, but some items failed
    ├── CheckFailed          4   a check (validation, audit) found a violation
    ├── ResumeRefused        5   the recorded work began with other inputs or options
    └── Interrupted        130   stopped by SIGINT (130) or SIGTERM (143) with its state saved

A message is one sentence that says what is wrong, where, and what to do about it. It marks the names of arguments
(`fertools.core.arguments`), so that a Python user reads `min_face` and a user of the command line `--min-face`.
"""

from __future__ import annotations

from fertools.core.arguments import first_argument, in_python


class FertoolsError(Exception):
    """Base of every error that fertools raises on purpose.

    Args:
        message: one sentence with the marks of `fertools.core.arguments`.

    Attributes:
        message: the sentence with its marks; the text of the error has them in Python's form.
        argument: name of the argument that the error is about; None without one.
        exit_code: exit code of the command line.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        self.message = str(message)
        self.argument = first_argument(self.message)
        super().__init__(in_python(self.message))


class InputError(FertoolsError):
    """An option, a file or a value cannot be used."""

    exit_code = 2


class SchemaError(InputError):
    """A table has another schema version, or its columns differ from the schema."""


class RecipeError(InputError):
    """A training recipe has an unknown system, preset or key, or a value out of range."""


class InUse(InputError):
    """Another command works in the same place; the same call succeeds once that has ended."""


class DeviceError(InputError):
    """The wanted device is unknown or not on this machine."""


class MachineError(FertoolsError):
    """The machine reached a limit (open files, memory, threads), so other files would fail, too."""

    exit_code = 2


class StorageError(MachineError):
    """The disk is full, or a path cannot be written. Everything committed before is intact."""


class ItemsFailed(FertoolsError):
    """The work finished, but some items failed. Each failure is recorded with its reason."""

    exit_code = 3


class CheckFailed(FertoolsError):
    """A check found a violation."""

    exit_code = 4


class ResumeRefused(FertoolsError):
    """The recorded work began with other inputs, options or weights."""

    exit_code = 5


class Interrupted(FertoolsError):
    """A signal stopped the work after its state was saved."""

    exit_code = 130

    def __init__(self, message: str, *, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, or the name of the error type if the message is empty."""
    words = str(error).strip()
    return words.splitlines()[0] if words else type(error).__name__
