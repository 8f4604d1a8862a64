"""Import labels from tables into the manifest. Key columns match rows to faces, other columns are labels.

Everything is checked before anything is written. If one cell is wrong, nothing is applied.
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

from fertools.annotations.formats.plain_table import read_plain
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

IMPORTED_COLUMNS = ("emotion", "valence", "arousal", "intensity", "subject_id", "pair_id", "sequence_id")
"""Names of the label columns."""
_BOUNDS = {column.name: column.bounds for column in FACES.columns if column.bounds is not None}

Cells = list[Any]


@dataclass(frozen=True)
class ImportSummary(HtmlFields):
    """The result of `import_labels`.

    Attributes:
        rows: number of rows of the file below its header.
        key: kind of key that matched the rows: `face_id`, `frame` or `source`.
        faces: number of faces that the rows label.
        labelled: number of faces with the file's value, by label column.
        changed: number of faces whose row in the manifest changed; 0 if the file is imported again.
        priors_dropped: number of faces that lost a prior, because it belonged to another emotion.
        rows_of_copies: number of rows without effect, because they name a copy of another file, which has the faces;
            `manifests/sources.parquet` says which.
        beyond: number of rows after the end of the video, and of boxes without a detected face; they are ignored.
        ignored: names of the columns without a meaning here.
        lookalikes: groups of people whose identifiers differ only in case or Unicode form, such as `Anna / anna`.
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
    """Import a table: labels into the manifest, or ratings of single raters into the log.

    One kind of key matches rows to faces: `face_id`; `source` and `frame_index`; or only `source`, for all faces of a
    source. A source is named by its path in the sources table, by a unique end of that path (`clip7.mp4`), or by its
    `source_id`. Label columns are `emotion` (any word of the lexicon), `valence` and `arousal` (both or neither),
    `intensity`, `subject_id`, `pair_id` and `sequence_id`. An empty cell changes nothing.

    The origin of a label becomes `import:` and the name of the file. `subject_origin` becomes `dataset`, because a
    table of people belongs to a dataset. With a column `rater`, ratings go to the log and the manifest does not change.

    Args:
        workspace: the workspace of the manifest.
        path: path of a CSV file in UTF-8 (with commas, semicolons or tabs) or of a Parquet file.
        key: kind of key to match rows by; `auto` chooses the most specific one.

    Raises:
        InputError: a cell of the file is wrong. The message has the first wrong line and the number of the others.
    """
    workspace = Workspace(workspace)
    path = Path(path)
    return apply_table(workspace, read_plain(path), key=key)


def apply_table(
    workspace: Workspace, table: LabelTable, *, key: Literal["auto"] | Key = "auto"
) -> ImportSummary | RatingsSummary:
    """Import a table in memory: labels into the manifest, or ratings of single raters into the log.

    Columns without any value are ignored.

    Args:
        workspace: the workspace of the manifest and the log.
        table: the content of one file or of several.
        key: kind of key to match rows by; `auto` chooses the most specific one.

    Raises:
        InputError: a cell of the table is wrong. Nothing was applied.
    """
    optional = {"frame_index", "end_s", "rater"} | ({"face_id"} if any(table.columns.get("source", ())) else set())
    # Without another key, an empty time would apply the label to the whole video.
    if any(map(any, (table.columns.get(name, ()) for name in ("face_id", "frame_index")))):
        optional.add("pts_s")
    given = {name: cells for name, cells in table.columns.items() if any(cells) or name not in optional}
    table = replace(table, columns=given if len(table) else table.columns)
    if not table.columns:
        raise InputError(f"{table.name}: there are no labels in it; nothing was applied")
    if "rater" not in table.columns:
        return apply_labels(workspace, table, key=key)
    if not all(table.columns["rater"]):
        raise InputError(f"{table.name}: some rows have a rater and others have none; import them separately")
    return import_ratings(workspace, table, key=key)


def apply_labels(workspace: Workspace, table: LabelTable, *, key: Literal["auto"] | Key = "auto") -> ImportSummary:
    """Import the labels of a table in memory; see `import_labels`.

    A row with `pts_s` concerns the faces of its source at that time; see `fertools.annotations.timestamps`.

    Args:
        workspace: the workspace of the manifest.
        table: the content of one file or of several.
        key: kind of key to match rows by; `auto` chooses the most specific one.

    Raises:
        InputError: a cell of the table is wrong. The message has the first wrong place and the number of the others.
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
            raise InputError(f"{table.name}:1: no column has labels; give one or more of {', '.join(IMPORTED_COLUMNS)}")

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
    """Problems of a table, by place."""

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
    """Return the value of each row, or None; each distinct text is parsed once."""
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
        return None, f"'{text}' is not in the lexicon of emotions; did you mean '{close[0]}'?"
    return None, f"'{text}' is not in the lexicon of emotions; its labels are {', '.join(lexicon.labels)}"


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
                f"{there} without {lacking}, but the manifest has both or neither; give both, or one with "
                f"{argument('rater')}",
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
    """Return which faces a column labels, and the row of each."""
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
