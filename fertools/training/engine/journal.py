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
        with files.storage_told(path):
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
        with files.storage_told(self._path):
            while left:
                left = left[self._stream.write(left) :]

    def secure(self) -> None:
        """Put what was appended on the disk, which a checkpoint that relies on it needs."""
        with files.storage_told(self._path):
            os.fsync(self._stream.fileno())


def read_journal(path: Path) -> list[Entry]:
    """Return the lines of a journal, without a last one that a killed run left unfinished."""
    if not path.is_file():
        return []
    entries: list[Entry] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry: Any = json.loads(line)
        except json.JSONDecodeError:
            break
        entries.append(entry)
    return entries


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
