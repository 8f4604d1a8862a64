"""The errors that fertools raises on purpose, and the exit code each one becomes.

    FertoolsError            1   a bug of ours if it ever reaches a user as itself
    ├── InputError           2   what was given cannot be used
    │   ├── SchemaError      2   a table is of another schema version or breaks an invariant on reading
    │   ├── RecipeError      2   an unknown system, preset, key or value of a training recipe
    │   └── DeviceError      2   a device that is unknown or not on this machine
    ├── MachineError         2   the machine refuses: open files, memory, threads
    │   └── StorageError     2   the disk is full or a folder cannot be written
    ├── ItemsFailed          3   the work finished, but some items did not
    ├── CheckFailed          4   a check (validation, audit) found a violation
    ├── ResumeRefused        5   the work recorded here was begun with other inputs or options
    └── Interrupted        130   stopped by SIGINT (130) or SIGTERM (143) with its state saved

A message is one sentence that says what is wrong, where, and what to do about it. Where it names an argument, it marks
it (`fertools.core.arguments`), so that a Python user reads `min_face` and a user of the command line `--min-face`.
"""

from __future__ import annotations

from fertools.core.arguments import first_argument, in_python


class FertoolsError(Exception):
    """Base of every error that fertools raises on purpose.

    Args:
        message: one sentence, with the marks of `fertools.core.arguments`.

    Attributes:
        message: the same; the text of the error has the marks as Python writes them.
        argument: name of the argument that the error is about; None if it is about none.
        exit_code: what the command line ends with.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        self.message = str(message)
        self.argument = first_argument(self.message)
        super().__init__(in_python(self.message))


class InputError(FertoolsError):
    """What was given (an option, a file, a value) cannot be used."""

    exit_code = 2


class SchemaError(InputError):
    """A table is of another schema version, or its columns are not those of the schema."""


class RecipeError(InputError):
    """A training recipe names an unknown system, preset or key, or a value out of range."""


class DeviceError(InputError):
    """The device asked for is unknown or not on this machine."""


class MachineError(FertoolsError):
    """The machine refuses to go on (open files, memory, threads); no other file would fare better."""

    exit_code = 2


class StorageError(MachineError):
    """The disk is full or a place cannot be written; what was committed before is intact."""


class ItemsFailed(FertoolsError):
    """The work finished, but some of its items failed; each is recorded with its reason."""

    exit_code = 3


class CheckFailed(FertoolsError):
    """A check found a violation."""

    exit_code = 4


class ResumeRefused(FertoolsError):
    """The work recorded here was begun with other inputs, options or weights."""

    exit_code = 5


class Interrupted(FertoolsError):
    """The work was stopped by a signal after its state was saved."""

    exit_code = 130

    def __init__(self, message: str, *, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its type where it says nothing."""
    words = str(error).strip()
    return words.splitlines()[0] if words else type(error).__name__
