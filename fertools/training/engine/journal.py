"""The journal of a run: one JSON line of losses per logged iteration, appended as training goes.

After a resume it is cut back to the checkpoint, so that no iteration is in it twice and none that was undone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fertools.core import files
from fertools.core.errors import InputError, first_line

Entry = dict[str, float]
"""`iteration` and the logged values by name."""


class Journal:
    """The open journal of a run: `with Journal(path, after=100) as journal: journal.add(110, {...})`.

    Args:
        path: the file of lines.
        after: iterations that the run has behind it; lines about later ones are removed.

    Raises:
        StorageError: the disk is full.
    """

    def __init__(self, path: Path, after: int) -> None:
        self._path = path
        kept = [line for line in read_journal(path) if line["iteration"] <= after]
        files.write_text(path, "".join(_line(entry) for entry in kept))
        # Unbuffered, so that no line waits to be written when the journal is closed on a full disk.
        with files.storage_errors(path):
            self._stream = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def add(self, iteration: int, values: dict[str, float]) -> None:
        """Append one line."""
        left = memoryview(_line({"iteration": iteration, **values}).encode())
        with files.storage_errors(self._path):
            while left:
                left = left[self._stream.write(left) :]

    def sync(self) -> None:
        """Put what was appended on the disk, which a checkpoint that relies on it needs."""
        with files.storage_errors(self._path):
            os.fsync(self._stream.fileno())


def read_journal(path: Path) -> list[Entry]:
    """Return the lines of a journal, without a last one that a killed run left unfinished.

    Raises:
        InputError: a line before the last is damaged.
    """
    if not path.is_file():
        return []
    entries: list[Entry] = []
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, 1):
        try:
            entries.append(_entry(line))
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                break
            raise InputError(f"{path}:{number} is damaged ({first_line(error)}); remove that line") from error
    return entries


def _entry(line: bytes) -> Entry:
    entry: Any = json.loads(line)
    if not isinstance(entry, dict) or type(entry.get("iteration")) is not int or entry["iteration"] >= 2**63:
        raise ValueError("it names no iteration")
    if not all(isinstance(value, int | float) for value in entry.values()):
        raise ValueError("it holds something else than numbers")
    return entry


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
