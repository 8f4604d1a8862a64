"""Labels from files into the manifest: one column or two say which faces a row is about, others what they show.

Whatever the format, all is checked before anything is written. If one cell is wrong, nothing is applied.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.formats.plain import read_plain
from fertools.annotations.formats.table import LabelTable
from fertools.annotations.imported_ratings import RatingsSummary, import_ratings
from fertools.annotations.prior import without_priors
from fertools.annotations.regions import place_in_frame
from fertools.annotations.row_matching import KEY_COLUMNS, Key, Rows, count_rows_of_copies, find_key, match_rows
from fertools.annotations.timestamps import is_by_time, place_in_time
from fertools.core.arguments import argument
from fertools.core.cells import find_lookalikes
from fertools.core.errors import InputError
from fertools.core.notebook import HtmlFields
from fertools.core.vocabulary import Lexicon, load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.manifests.change import changing, differs
from fertools.manifests.schema import FACES, LABEL_COLUMNS

IMPORTED_COLUMNS = ("emotion", "valence", "arousal", "intensity", "subject_id")
"""Columns that are taken over."""
_BOUNDS = {column.name: column.bounds for column in FACES.columns if column.bounds is not None}

Cells = list[Any]


@dataclass(frozen=True)
class ImportSummary(HtmlFields):
    """What `import_labels` did.

    Attributes:
        rows: rows of the file below its header.
        key: what its rows are found by: `face_id`, `frame` or `source`.
        faces: faces that the file's rows say something about.
        labelled: per label column of the file, faces that got or had the file's value.
        changed: faces whose row in the manifest is other than before; 0 the second time.
        priors_dropped: faces whose prior valence and arousal went, because it belonged to another emotion.
        rows_of_copies: rows that label nothing because they name a file that is a copy of another, whose faces stand
            under that one; `manifests/sources.parquet` says which.
        beyond: lines after the last frame of their video, and boxes around no face that was found, which say nothing.
        ignored: columns of the file that mean nothing here.
        lookalikes: people whose identifiers differ only in case or Unicode form, as `Anna / anna`; they may be one.
    """

    rows: int
    key: Key
    faces: int
    labelled: dict[str, int]
    changed: int
    priors_dropped: int
    rows_of_copies: int
    beyond: int
    ignored: tuple[str, ...]
    lookalikes: tuple[str, ...] = ()


def import_labels(
    workspace: WorkspaceLike, path: Path | str, *, key: Literal["auto"] | Key = "auto"
) -> ImportSummary | RatingsSummary:
    """Apply the labels of a table to the faces of the manifest, or what single raters said to the log of ratings.

    Rows are found by one kind of key: `face_id`; `source` and `frame_index`; or `source` alone, for all faces of a
    source. A source is named by its path as in the sources table, by any end of that path that no other source
    shares (`clip7.mp4`), or by its `source_id`. Label columns are `emotion` (any word of the lexicon), `valence` and
    `arousal` (both or neither), `intensity` and `subject_id`. An empty cell leaves what is there.

    Origins become `import:` and the file's name; `subject_origin` becomes `dataset`, since a table of people comes
    with a dataset, and no person has looked at these faces here. With a column `rater`, the
    manifest does not change.

    Args:
        workspace: whose manifest.
        path: CSV in UTF-8, cells parted by comma, semicolon or tab; or Parquet.
        key: which kind of key; `auto` takes the most specific one that the header allows.

    Raises:
        InputError: something in the file is wrong; the message has the first line that is, and how many more are.
    """
    workspace = Workspace(workspace)
    path = Path(path)
    return apply_table(workspace, read_plain(path), key=key)


def apply_table(
    workspace: Workspace, table: LabelTable, *, key: Literal["auto"] | Key = "auto"
) -> ImportSummary | RatingsSummary:
    """Apply a table: labels to the manifest, or what single raters said to the log of ratings.

    Columns without a single value say nothing, whatever they are called.

    Args:
        workspace: whose manifest and log.
        table: what a file, or several, say.
        key: which kind of key; `auto` takes the most specific one that the columns allow.

    Raises:
        InputError: something in the table is wrong; nothing was applied.
    """
    optional = {"frame_index", "end_s", "rater"} | ({"face_id"} if any(table.columns.get("source", ())) else set())
    # Without any other place, an empty time would make a label of one moment that of the whole video.
    if any(map(any, (table.columns.get(name, ()) for name in ("face_id", "frame_index")))):
        optional.add("pts_s")
    given = {name: cells for name, cells in table.columns.items() if any(cells) or name not in optional}
    table = replace(table, columns=given if len(table) else table.columns)
    if not table.columns:
        raise InputError(f"{table.name}: it holds no labels; nothing was applied")
    if "rater" not in table.columns:
        return apply_labels(workspace, table, key=key)
    if not all(table.columns["rater"]):
        raise InputError(f"{table.name}: some rows have a rater and some have none; import them one after the other")
    return import_ratings(workspace, table, key=key)


def apply_labels(workspace: Workspace, table: LabelTable, *, key: Literal["auto"] | Key = "auto") -> ImportSummary:
    """Apply the labels of a table in memory; see `import_labels`.

    A row with `pts_s` is about the faces of its source at that time: in the span up to `end_s`, or nearer to it than to
    the source's other times, and no further than half of their usual distance.

    Args:
        workspace: whose manifest.
        table: what a file, or several, say.
        key: which kind of key; `auto` takes the most specific one that the columns allow.

    Raises:
        InputError: something in the table is wrong; the message has the first place that is, and how many more are.
    """
    lexicon = load_lexicon(workspace.root)
    with changing(workspace, "importing labels") as faces:
        problems = _Problems()
        rows_read, names = len(table), tuple(table.columns)
        named = list(table.columns.get("source", ()))
        by_time = is_by_time(table)
        keys = ("source", "pts_s", "end_s") if by_time else KEY_COLUMNS[find_key(table, key)]
        if by_time:
            table = place_in_time(workspace, faces, table, IMPORTED_COLUMNS, problems.add)
        elif any(table.boxes):
            table = place_in_frame(workspace, faces, table, problems.add)
        problems.refuse()
        chosen, beyond = find_key(table, key), table.beyond
        given = [name for name in IMPORTED_COLUMNS if name in table.columns]
        if not given:
            raise InputError(f"{table.name}:1: no column of labels; give one or more of {', '.join(IMPORTED_COLUMNS)}")

        def report(row: int, message: str) -> None:
            problems.add(table.places[row], message)

        rows = match_rows(workspace, faces, table, chosen, report)
        values = {name: _read_column(table, name, lexicon, report) for name in given}
        _check_pairs(table, values, report)
        _check_repeats(table, rows, values, report)
        problems.refuse()
        after, summary = _applied(faces, table, rows, values, chosen)
        ignored = tuple(name for name in names if name not in (*IMPORTED_COLUMNS, *keys))
        copies = count_rows_of_copies(workspace, named) if "source" in keys else 0
        people = (
            find_lookalikes(filter(None, pc.unique(after["subject_id"]).to_pylist())) if "subject_id" in given else ()
        )
        summary = replace(
            summary, rows=rows_read, rows_of_copies=copies, beyond=beyond, ignored=ignored, lookalikes=people
        )
        if summary.changed:
            store.write_table(workspace.manifest, FACES, after)
    return summary


class _Problems:
    """What is wrong, by place, in the order of the file."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, place: str, message: str) -> None:
        self._found.setdefault(place, message)

    def refuse(self) -> None:
        if self._found:
            place = min(self._found, key=_order)
            more = len(self._found) - 1
            others = f"; {more} more line{'s are' if more > 1 else ' is'} wrong too" if more else ""
            raise InputError(f"{place}: {self._found[place]}{others}; nothing was applied")


def _order(place: str) -> tuple[str, int]:
    name, _, line = place.rpartition(":")
    return name, int(line)


def _read_column(table: LabelTable, name: str, lexicon: Lexicon, report: Callable[[int, str], None]) -> Cells:
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


def _check_pairs(table: LabelTable, values: dict[str, Cells], report: Callable[[int, str], None]) -> None:
    empty = [None] * len(table)
    pairs = zip(values.get("valence", empty), values.get("arousal", empty), strict=True)
    texts = {name: table.columns.get(name, [""] * len(table)) for name in ("valence", "arousal")}
    for row, (valence, arousal) in enumerate(pairs):
        if (valence is None) != (arousal is None) and bool(texts["valence"][row]) != bool(texts["arousal"][row]):
            there, lacking = ("valence", "arousal") if arousal is None else ("arousal", "valence")
            report(
                row,
                f"{there} without {lacking}, and the manifest holds both or neither; give both, or one as a "
                f"{argument('rater')}'s",
            )


def _check_repeats(table: LabelTable, rows: Rows, values: dict[str, Cells], report: Callable[[int, str], None]) -> None:
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
                    f"in {table.places[earlier]} for the same {rows.what}",
                )


def _applied(
    faces: pa.Table, table: LabelTable, rows: Rows, values: dict[str, Cells], key: Key
) -> tuple[pa.Table, ImportSummary]:
    files = [f"import:{place.rpartition(':')[0]}" for place in table.places]
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
            texts = ["dataset"] * len(files) if name == "subject_id" else files
            after = _put(after, origins[name], texts, chosen, position)
        if name == "valence":
            for beside in ("va_raters", "valence_spread", "arousal_spread"):
                after = _put(after, beside, [None], chosen, np.zeros(len(faces), np.int64))
        if name == "subject_id":
            after = _put(after, "subject_confidence", [None], chosen, np.zeros(len(faces), np.int64))
    moved = differs(faces, after, ("emotion",))
    dropped = moved & np.array([text == "prior" for text in after["va_origin"].to_pylist()], bool)
    if dropped.any():
        after = without_priors(after, pa.chunked_array([pa.array(moved)]))
    summary = ImportSummary(
        rows=len(table),
        key=key,
        faces=int(np.isin(rows.target_of_face, rows.target[rows.target >= 0]).sum()),
        labelled=labelled,
        changed=int(differs(faces, after, LABEL_COLUMNS).sum()),
        priors_dropped=int(dropped.sum()),
        rows_of_copies=0,
        beyond=0,
        ignored=(),
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
