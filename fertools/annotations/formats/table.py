"""The table that every format is read into: text cells under known names, and the place that each row came from.

Which faces a row is about is said by `face_id`, or `source` and `frame_index`, or `source` and `pts_s` (with `end_s`
if the row holds for a span), or `source` alone. What they show is said by `emotion`, `valence`, `arousal`, `intensity`
and `subject_id`. `rater` says who thinks so. An empty cell is unknown.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Protocol

import numpy as np

from fertools.core.arguments import argument
from fertools.core.cells import read_cell
from fertools.core.errors import InputError, first_line

AXES = ("valence", "arousal")
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the picture or frame."""


@dataclass(frozen=True)
class LabelTable:
    """Rows of one file or several.

    Attributes:
        name: the file's name, for messages about all of it.
        columns: name to cells, all of one length.
        places: file and line of each row, as `labels.csv:17`.
        beyond: lines after the last frame of their video, or about a face that was not found, which were left out.
        boxes: which face of its picture or frame each row is about; empty, or None for a row, where nothing says so.
    """

    name: str
    columns: dict[str, list[str]]
    places: list[str]
    beyond: int = 0
    boxes: tuple[Box | None, ...] = ()

    def __len__(self) -> int:
        return len(self.places)


class Sources(Protocol):
    """Which videos and pictures there are: `fertools.annotations.row_matching.SourceFinder`."""

    def path_of(self, name: str) -> str | None:
        """Return the path of the source called `name`, None if there is none or several are."""

    def uploaded_as(self, name: str) -> str | None:
        """Return the path of the source whose file an upload would call `name`, None if there is none or several."""

    def named_like(self, path: PurePath) -> str | None:
        """Return the path of the source that a file is named like, None if there is none or several are."""

    def frames_of(self, path: str) -> int | None:
        """Return how many frames the source at a path in the sources table has, None if it was not decoded."""


@dataclass(frozen=True)
class ReadOptions:
    """What a file cannot say of itself.

    Attributes:
        source: the video or picture that the file is about, if the user said so.
        axis: `valence` or `arousal`, of a format with one axis a file; None to take it from the file's path.
        classes: labels in the order of the format's numbers; None where it was not given.
        sources: what there is.
    """

    source: str | None
    axis: str | None
    classes: tuple[str, ...] | None
    sources: Sources

    def medium(self, path: Path, *names: str) -> str:
        """Return the source that a file is about.

        It is the one that the user said. Else it is the one that the file itself names, by path or by file name, since
        folders differ between machines. Else it is the one that the file is named like.

        Args:
            path: the file.
            names: paths that it gives for what it is about.

        Raises:
            InputError: it names several that there are, or one that there is not, or nothing says which it is.
        """
        if self.source is not None:
            return self.source
        found = {self.sources.path_of(name) or self.sources.path_of(file_name(name)) for name in names} - {None}
        if len(found) > 1:
            raise InputError(
                f"{path.name}: it names several videos ({', '.join(sorted(map(str, found)))}); say with "
                f"{argument('source')} which "
                "one it is about"
            )
        if found:
            return str(found.pop())
        like = self.sources.named_like(path)
        if names and (like is None or PurePath(file_name(names[0])).stem != PurePath(like).stem):
            raise InputError(
                f"{path.name}: it is about '{names[0]}', and there is no such source; say with "
                f"{argument('source')} which it is"
            )
        if like is None:
            raise InputError(
                f"{path.name}: no source is named like this file; say with {argument('source')} which video it is about"
            )
        return like

    def named(self, name: str) -> str | None:
        """Return the source whose name without a suffix is `name`, None if there is none or several are."""
        return self.sources.named_like(Path(f"{name}.x"))


class Rows:
    """Rows that a reader gathers one by one.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, str]] = []
        self._places: list[str] = []
        self._boxes: list[Box | None] = []

    def add(self, line: int, box: Box | None = None, /, **cells: Any) -> None:
        """Add a row; None and empty cells are unknown."""
        self._boxes.append(box)
        self._rows.append({name: read_cell(value) for name, value in cells.items()})
        self._places.append(f"{self._path.name}:{line}")

    def __len__(self) -> int:
        return len(self._places)

    def table(self, beyond: int = 0) -> LabelTable:
        """Return the rows as a table, beside which so many lines were left out."""
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        columns = {name: [row.get(name, "") for row in self._rows] for name in names}
        return LabelTable(self._path.name, columns, self._places, beyond, tuple(self._boxes))


def joined(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of several tables below one another; what a table has no column for is unknown."""
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(name for table in tables for name in table.columns))
    columns = {
        name: [cell for table in tables for cell in table.columns.get(name, [""] * len(table))] for name in names
    }
    places = [place for table in tables for place in table.places]
    boxes = tuple(box for table in tables for box in table.boxes or [None] * len(table))
    return LabelTable(f"{len(tables)} files", columns, places, sum(table.beyond for table in tables), boxes)


def as_text(value: Any) -> str:
    """Return a cell to write: numbers in the fewest digits that give them back, None as an empty cell."""
    return str(value).strip() if isinstance(value, str) else read_cell(value)


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

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            name = Counter(name for name, _ in pairs).most_common(1)[0][0]
            raise InputError(f"{path.name}: '{name}' stands twice in one object; keep one")
        return found

    try:
        return json.loads(text, object_pairs_hook=once), text
    except json.JSONDecodeError as error:
        raise InputError(f"{path.name}:{error.lineno}: this is not JSON ({error.msg}); correct the line") from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or brackets without end.
        raise InputError(f"{path.name} cannot be read as JSON ({first_line(error)}); correct the file") from error


def read_box(place: str, *numbers: object) -> Box:
    """Return a box of four finite numbers, the second corner after the first.

    Raises:
        InputError: they are none.
    """
    try:
        x1, y1, x2, y2 = (float(str(number)) for number in numbers)
    except ValueError:
        x1 = y1 = x2 = y2 = float("nan")
    if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2):
        raise InputError(f"{place}: the box {', '.join(map(str, numbers))} is not one; correct or remove it")
    return x1, y1, x2, y2


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
        raise InputError(
            f"nothing says whether {path} holds valence or arousal; say {argument('axis')} valence or "
            f"{argument('axis')} arousal"
        )
    return given or named[0]


def file_name(path: str) -> str:
    """Return the last part of a path of any system."""
    return re.split(r"[/\\]", path)[-1]


def face_of(name: str) -> str | None:
    """Return the identifier in the name of a crop that fertools wrote, None for another file."""
    stem = file_name(name).partition(".")[0]
    return stem if re.fullmatch("[0-9a-f]{32}", stem) else None
