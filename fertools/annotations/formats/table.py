"""The table that every format is read into: text cells in named columns, and the place of each row in its file.

Key columns identify the faces of a row: `face_id`; `source` and `frame_index`; `source` and `pts_s` (with `end_s` for
a time span); or only `source`. The labels are `emotion`, `valence`, `arousal`, `intensity`, `subject_id`, `pair_id` and
`sequence_id`. `rater` names who gave them. An empty cell is unknown.
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
"""A box: x1, y1, x2, y2 in pixels of the picture or frame."""


@dataclass(frozen=True)
class LabelTable:
    """The rows of one file or of several.

    Attributes:
        name: name of the file, for messages about all of it.
        columns: cells of each column, by name.
        places: file and line of each row, such as `labels.csv:17`.
        beyond: number of omitted rows after the end of their video, or for a face that was not detected.
        boxes: box of each row; empty if no row has one, None for a row without one.
    """

    name: str
    columns: dict[str, list[str]]
    places: list[str]
    beyond: int = 0
    boxes: tuple[Box | None, ...] = ()

    def __len__(self) -> int:
        return len(self.places)


class Sources(Protocol):
    """Finds sources by name; see `fertools.annotations.row_matching.SourceFinder`."""

    def path_of(self, name: str) -> str | None:
        """Return the path of the source for a name; None without a match or with several."""

    def uploaded_as(self, name: str) -> str | None:
        """Return the path of the source whose uploaded file has this name; None without a match or with several."""

    def named_like(self, path: PurePath) -> str | None:
        """Return the path of the source with the name of a label file; None without a match or with several."""

    def frames_of(self, path: str) -> int | None:
        """Return the number of frames of the source with a path; None if it was not decoded."""


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading a file, which the file itself does not contain.

    Attributes:
        source: the labelled video or picture, if the user gave it.
        axis: `valence` or `arousal`, for a format with one axis per file; None to take it from the path.
        classes: labels in the order of the format's class numbers; None if not given.
        sources: finder of the sources.
    """

    source: str | None
    axis: str | None
    classes: tuple[str, ...] | None
    sources: Sources

    def medium(self, path: Path, *names: str) -> str:
        """Return the source that a file labels.

        It is the source that the user gave. Without one it is the source that the file names, by path or by file name,
        because folders differ between machines. Otherwise it is the source with the name of the file.

        Args:
            path: path of the label file.
            names: paths of the source that the file contains.

        Raises:
            InputError: the file names several sources or an unknown one, or no source matches.
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
        """Return the source with a name without suffix; None without a match or with several."""
        return self.sources.named_like(Path(f"{name}.x"))


class Rows:
    """Collects the rows of a file one by one.

    Args:
        path: path of the file.
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
        """Return the rows as a table; `beyond` is the number of omitted rows."""
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        columns = {name: [row.get(name, "") for row in self._rows] for name in names}
        return LabelTable(self._path.name, columns, self._places, beyond, tuple(self._boxes))


def joined(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of several tables as one table; a missing column has empty cells."""
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
    """Return the text of a cell: a number has the fewest digits that restore it, None is empty."""
    return str(value).strip() if isinstance(value, str) else read_cell(value)


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        InputError: the file cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name}:{line}: the text is not UTF-8; save the file in UTF-8") from error


def read_json(path: Path) -> tuple[Any, str]:
    """Return the content of a JSON file, and its text.

    Raises:
        InputError: the file cannot be read, or is not JSON.
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
        # A number with thousands of digits, or too deeply nested brackets.
        raise InputError(f"{path.name} cannot be read as JSON ({first_line(error)}); correct the file") from error


def read_box(place: str, *numbers: object) -> Box:
    """Return a box of four finite numbers, the second corner after the first.

    Raises:
        InputError: the numbers are no valid box.
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
        InputError: the text is no finite number.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{path.name}:{line}: {what} '{text}' is not a number; correct the line") from None
    return value


def axis_of(path: Path, given: str | None) -> str:
    """Return the axis of a file: the given one, or the one in its path.

    Raises:
        InputError: the axis is not given, and the path does not contain exactly one.
    """
    named = [axis for axis in AXES for part in path.parts[-3:] if axis in part.lower()]
    if given is None and len(set(named)) != 1:
        raise InputError(
            f"nothing says whether {path} holds valence or arousal; say {argument('axis')} valence or "
            f"{argument('axis')} arousal"
        )
    return given or named[0]


def file_name(path: str) -> str:
    """Return the last part of a path of any operating system."""
    return re.split(r"[/\\]", path)[-1]


def face_of(name: str) -> str | None:
    """Return the identifier in the name of a crop that fertools wrote, None for another file."""
    stem = file_name(name).partition(".")[0]
    return stem if re.fullmatch("[0-9a-f]{32}", stem) else None
