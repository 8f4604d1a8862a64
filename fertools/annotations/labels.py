"""Labels from a table: a CSV file with one column that says which faces, and columns that say what they show.

The whole file is checked before anything is written. If one cell is wrong, nothing of the file is applied.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.keys import KEY_COLUMNS, Key, Rows, find_key, match_rows
from fertools.annotations.prior import without_priors
from fertools.core.csv_table import CsvTable, read_csv
from fertools.core.errors import InputError
from fertools.core.vocabulary import Lexicon, load_lexicon
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.change import changing, differs
from fertools.manifests.schema import FACES, LAYERS

LABEL_COLUMNS = ("emotion", "valence", "arousal", "intensity", "subject_id")
"""Columns that are taken over."""
_ALIASES = {
    "source_id": "source",
    "path": "source",
    "file": "source",
    "filename": "source",
    "image": "source",
    "frame": "frame_index",
    "subject": "subject_id",
}
"""Names of columns that other tables use for the same."""
_BOUNDS = {column.name: column.bounds for column in FACES.columns if column.bounds is not None}

Cells = list[Any]


@dataclass(frozen=True)
class ImportSummary:
    """What `import_labels` did.

    Attributes:
        rows: rows of the file below its header.
        key: what its rows are found by: `face_id`, `frame` or `source`.
        faces: faces that the file's rows say something about.
        labelled: per label column of the file, faces that got or had the file's value.
        changed: faces whose row in the manifest is other than before; 0 the second time.
        priors_dropped: faces whose prior valence and arousal went, because it belonged to another emotion.
        ignored: columns of the file that mean nothing here.
    """

    rows: int
    key: Key
    faces: int
    labelled: dict[str, int]
    changed: int
    priors_dropped: int
    ignored: tuple[str, ...]


def import_labels(workspace: Workspace, csv_path: Path, *, key: Literal["auto"] | Key = "auto") -> ImportSummary:
    """Apply the labels of a table to the faces of the manifest.

    Rows are found by one kind of key: `face_id`; `source` and `frame_index`; or `source` alone, for all faces of a
    source. A source is named by its path as in the sources table, by any end of that path that no other source
    shares (`clip7.mp4`), or by its `source_id`. Label columns are `emotion` (any word of the lexicon), `valence` and
    `arousal` (both or neither), `intensity` and `subject_id`. An empty cell leaves what is there.

    Origins become `import:` and the file's name; `subject_origin` becomes `dataset`, since a table of people comes
    with a dataset, and no person has looked at these faces here.

    Args:
        workspace: whose manifest.
        csv_path: UTF-8, cells parted by comma, semicolon or tab.
        key: which kind of key; `auto` takes the most specific one that the header allows.

    Raises:
        InputError: something in the file is wrong; the message has the first line that is, and how many more are.
    """
    table = _with_known_names(read_csv(csv_path))
    lexicon = load_lexicon(workspace.root)
    with changing(workspace, "importing labels") as faces:
        chosen = find_key(table, key)
        given = [name for name in LABEL_COLUMNS if name in table.columns]
        if not given:
            raise InputError(f"{csv_path.name}:1: no column of labels; give one or more of {', '.join(LABEL_COLUMNS)}")
        problems = _Problems(table)
        rows = match_rows(workspace, faces, table, chosen, problems.add)
        values = {name: _read_column(table, name, lexicon, problems.add) for name in given}
        _check_pairs(table, values, problems.add)
        _check_repeats(table, rows, values, problems.add)
        problems.refuse()
        after, summary = _applied(faces, table, rows, values, chosen)
        if summary.changed:
            store.write_table(workspace.manifest, FACES, after)
    return summary


class _Problems:
    """What is wrong in the file, by line."""

    def __init__(self, table: CsvTable) -> None:
        self._table = table
        self._found: dict[int, str] = {}

    def add(self, row: int, message: str) -> None:
        self._found.setdefault(row, message)

    def refuse(self) -> None:
        if self._found:
            row = min(self._found)
            more = len(self._found) - 1
            others = f"; {more} more line{'s are' if more > 1 else ' is'} wrong too" if more else ""
            name = self._table.path.name
            raise InputError(f"{name}:{self._table.lines[row]}: {self._found[row]}{others}; nothing was applied")


def _with_known_names(table: CsvTable) -> CsvTable:
    names = {name: _ALIASES.get(name, name) for name in table.columns}
    for name, known in names.items():
        if list(names.values()).count(known) > 1 and name != known:
            names[name] = name
    return CsvTable(table.path, {names[name]: cells for name, cells in table.columns.items()}, table.lines)


def _read_column(table: CsvTable, name: str, lexicon: Lexicon, report: Callable[[int, str], None]) -> Cells:
    """Return a value or None per row of the file; every distinct text is read once."""
    read: dict[str, tuple[Any, str | None]] = {"": (None, None)}
    values = []
    for row, text in enumerate(table.columns[name]):
        if text not in read:
            read[text] = _read_emotion(text, lexicon) if name == "emotion" else _read_other(text, name)
        value, problem = read[text]
        if problem is not None:
            report(row, problem)
        values.append(value)
    return values


def _read_emotion(text: str, lexicon: Lexicon) -> tuple[str | None, str | None]:
    if label := lexicon.lookup(text):
        return label, None
    if close := difflib.get_close_matches(text.lower(), lexicon.words, n=1):
        return None, f"'{text}' is no emotion that the lexicon knows; did you mean '{close[0]}'?"
    return None, f"'{text}' is no emotion that the lexicon knows; its labels are {', '.join(lexicon.labels)}"


def _read_other(text: str, name: str) -> tuple[Any, str | None]:
    if name not in _BOUNDS:
        return text, None
    try:
        value = float(text)
    except ValueError:
        return None, f"{name} '{text}' is not a number (write it like -0.25, or leave the cell empty)"
    low, high = _BOUNDS[name]
    if not low <= value <= high:
        return None, f"{name} {text} is outside [{low:g}, {high:g}]"
    return value, None


def _check_pairs(table: CsvTable, values: dict[str, Cells], report: Callable[[int, str], None]) -> None:
    empty = [None] * len(table.lines)
    pairs = zip(values.get("valence", empty), values.get("arousal", empty), strict=True)
    texts = {name: table.columns.get(name, [""] * len(table.lines)) for name in ("valence", "arousal")}
    for row, (valence, arousal) in enumerate(pairs):
        if (valence is None) != (arousal is None) and bool(texts["valence"][row]) != bool(texts["arousal"][row]):
            there, lacking = ("valence", "arousal") if arousal is None else ("arousal", "valence")
            report(row, f"{there} without {lacking}, and one means nothing without the other; give both or neither")


def _check_repeats(table: CsvTable, rows: Rows, values: dict[str, Cells], report: Callable[[int, str], None]) -> None:
    first_of: dict[tuple[str, int], tuple[int, Any]] = {}
    for row, target in enumerate(rows.target.tolist()):
        for name, cells in values.items():
            if target < 0 or cells[row] is None:
                continue
            earlier, value = first_of.setdefault((name, target), (row, cells[row]))
            if value != cells[row]:
                report(
                    row,
                    f"{name} '{table.columns[name][row]}' contradicts '{table.columns[name][earlier]}' "
                    f"in line {table.lines[earlier]} for the same {rows.what}",
                )


def _applied(
    faces: pa.Table, table: CsvTable, rows: Rows, values: dict[str, Cells], key: Key
) -> tuple[pa.Table, ImportSummary]:
    origin = f"import:{table.path.name}"
    origins = {"emotion": "emotion_origin", "valence": "va_origin", "subject_id": "subject_origin"}
    touched = np.zeros(len(faces), bool)
    labelled: dict[str, int] = {}
    after = faces
    for name, cells in values.items():
        chosen, position = _spread(rows, cells)
        labelled[name] = int(chosen.sum())
        touched |= chosen
        after = _put(after, name, cells, chosen, position)
        if name in origins:
            text = "dataset" if name == "subject_id" else origin
            after = _put(after, origins[name], [text], chosen, np.zeros(len(faces), np.int64))
        if name == "valence":
            for beside in ("va_raters", "valence_spread", "arousal_spread"):
                after = _put(after, beside, [None], chosen, np.zeros(len(faces), np.int64))
        if name == "subject_id":
            after = _put(after, "subject_confidence", [None], chosen, np.zeros(len(faces), np.int64))
    moved = differs(faces, after, ("emotion",))
    dropped = moved & np.array([text == "prior" for text in after["va_origin"].to_pylist()], bool)
    if dropped.any():
        after = without_priors(after, pa.chunked_array([pa.array(moved)]))
    known = {*LABEL_COLUMNS, *KEY_COLUMNS[key]}
    summary = ImportSummary(
        rows=len(table.lines),
        key=key,
        faces=int(np.isin(rows.target_of_face, rows.target[rows.target >= 0]).sum()),
        labelled=labelled,
        changed=int(differs(faces, after, LAYERS).sum()),
        priors_dropped=int(dropped.sum()),
        ignored=tuple(name for name in table.columns if name not in known),
    )
    return after, summary


def _spread(rows: Rows, cells: Cells) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return which faces a column says something about, and in which row of the file."""
    row_of_target = np.full(rows.target_count, -1, np.int64)
    given = np.array([cell is not None for cell in cells], bool)
    row_of_target[rows.target[given]] = np.flatnonzero(given)
    position = np.where(rows.target_of_face >= 0, row_of_target[rows.target_of_face], -1)
    return position >= 0, np.maximum(position, 0)


def _put(
    faces: pa.Table, name: str, cells: Cells, chosen: npt.NDArray[np.bool_], position: npt.NDArray[np.int64]
) -> pa.Table:
    field = faces.schema.field(name)
    values = pc.take(pa.array(cells, field.type), pa.array(position, mask=~chosen))
    merged = pc.if_else(pa.array(chosen), values, faces[name])
    return faces.set_column(faces.schema.get_field_index(name), field, merged)
