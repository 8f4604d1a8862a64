"""The table that every format is read into: text cells under known names, and the place that each row came from.

Which faces a row is about is said by `face_id`, or `source` and `frame_index`, or `source` and `pts_s` (with `end_s`
if the row holds for a span), or `source` alone. What they show is said by `emotion`, `valence`, `arousal`, `intensity`
and `subject_id`. `rater` says who thinks so. An empty cell is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fertools.core.errors import InputError, first_line

AXES = ("valence", "arousal")


@dataclass(frozen=True)
class LabelTable:
    """Rows of one file or several.

    Attributes:
        name: the file's name, for messages about all of it.
        columns: name to cells, all of one length.
        places: file and line of each row, as `labels.csv:17`.
    """

    name: str
    columns: dict[str, list[str]]
    places: list[str]

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class ReadOptions:
    """What a file cannot say of itself.

    Attributes:
        source: the video or picture that the file is about, as the sources table or its guess names it.
        axis: `valence` or `arousal`, of a format with one axis a file; None to take it from the file's path.
        classes: labels in the order of the format's numbers; None where it was not given.
    """

    source: str
    axis: str | None = None
    classes: tuple[str, ...] | None = None


class Rows:
    """Rows that a reader gathers one by one.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, str]] = []
        self._places: list[str] = []

    def add(self, line: int, **cells: Any) -> None:
        """Add a row; None and empty cells are unknown."""
        self._rows.append({name: as_text(value) for name, value in cells.items()})
        self._places.append(f"{self._path.name}:{line}")

    def table(self) -> LabelTable:
        """Return the rows as a table."""
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        columns = {name: [row.get(name, "") for row in self._rows] for name in names}
        return LabelTable(self._path.name, columns, self._places)


def joined(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of several tables below one another; what a table has no column for is unknown."""
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(name for table in tables for name in table.columns))
    columns = {
        name: [cell for table in tables for cell in table.columns.get(name, [""] * len(table))] for name in names
    }
    return LabelTable(f"{len(tables)} files", columns, [place for table in tables for place in table.places])


def as_text(value: Any) -> str:
    """Return a cell: numbers in the fewest digits that give them back, None as an empty cell."""
    if value is None:
        return ""
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else np.format_float_positional(value, trim="-")
    return str(value).strip()


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name}:{line}: this is not UTF-8; save the file in UTF-8") from error


def read_json(path: Path) -> tuple[Any, str]:
    """Return the content of a JSON file, and its text.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text), text
    except json.JSONDecodeError as error:
        raise InputError(f"{path.name}:{error.lineno}: this is not JSON ({error.msg}); correct the line") from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or brackets without end.
        raise InputError(f"{path.name} cannot be read as JSON ({first_line(error)}); correct the file") from error


def number(text: str, path: Path, line: int, what: str) -> float:
    """Return a cell as a finite number.

    Raises:
        InputError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{path.name}:{line}: {what} '{text}' is not a number; correct the line") from None
    return value


def axis_of(path: Path, given: str | None) -> str:
    """Return the axis that a file is about: the one given, or the one that its path names.

    Raises:
        InputError: neither says.
    """
    named = [axis for axis in AXES for part in path.parts[-3:] if axis in part.lower()]
    if given is None and len(set(named)) != 1:
        raise InputError(f"nothing says whether {path} holds valence or arousal; say --axis valence or --axis arousal")
    return given or named[0]


def face_of(name: str) -> str | None:
    """Return the identifier in the name of a crop that fertools wrote, None for another file."""
    stem = re.split(r"[/\\]", name)[-1].partition(".")[0]
    return stem if re.fullmatch("[0-9a-f]{32}", stem) else None
