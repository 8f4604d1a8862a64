"""Import ratings that were made with another tool into the log of ratings.

Imported events are older than all others, so a later rating on the page replaces them. An event's identifier is a
digest of its content, so importing a file again adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.events import Event, Known, check_rater, parse_event
from fertools.annotations.formats.table import AXES, LabelTable, joined
from fertools.annotations.log import Batch, RatingLog
from fertools.annotations.regions import place_in_frame
from fertools.annotations.row_matching import Key, Rows, find_key, find_sources, match_rows
from fertools.annotations.timestamps import is_by_time, place_in_time
from fertools.core.cells import find_lookalikes
from fertools.core.errors import InputError
from fertools.core.hashing import fingerprint
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace
from fertools.manifests import store

PIECE = 1000
"""Number of samples per event."""
Report = Callable[[int, str], None]


@dataclass(frozen=True)
class RatingsSummary:
    """The result of `import_ratings`.

    Attributes:
        rows: number of rows of the files.
        raters: names of the raters.
        faces: number of faces with a rating or a label.
        traced: number of traced videos.
        events: number of new events in the log; 0 if the files are imported again.
        beyond: number of rows after the end of the video, and of boxes without a detected face; they are ignored.
        ignored: names of the columns that the log cannot store.
        lookalikes: groups of raters whose names differ only in case or Unicode form, such as `Ann / ann`.
    """

    rows: int
    raters: tuple[str, ...]
    faces: int
    traced: int
    events: int
    beyond: int
    ignored: tuple[str, ...]
    lookalikes: tuple[str, ...]


def import_ratings(workspace: Workspace, table: LabelTable, *, key: Literal["auto"] | Key = "auto") -> RatingsSummary:
    """Add the ratings of a table to the log, all of them or none.

    Valence and arousal at points in time become traces, one per axis. Everything else becomes ratings of faces: values
    of time spans, emotions at points in time, and rows that name a face or a frame.

    Args:
        workspace: the workspace of the log.
        table: a table with `rater`, key columns, and `valence`, `arousal` or `emotion`.
        key: kind of key to match rows by; `auto` chooses the most specific one.

    Raises:
        InputError: a cell of the table is wrong. The message has its place.
    """
    faces = store.read_faces(workspace, ["face_id", "source_id", "frame_index", "pts_s", "status", "box"])
    for row, rater in enumerate(table.columns["rater"]):
        _at(table, row, check_rater, rater)
    values = {axis: _numbers(table, axis) for axis in AXES}
    if not np.isfinite(np.stack(list(values.values()))).any() and not any(table.columns.get("emotion", ())):
        raise InputError(f"{table.name}: no row has valence, arousal or emotion; nothing was applied")
    if by_time := is_by_time(table):
        clicked = _face_labels(workspace, faces, table)
        at = {axis: np.where(_is_point(table), values[axis], np.nan) for axis in AXES}
        events, beyond = _traces(workspace, table, at)
    else:
        clicked, events, beyond = table, {}, table.beyond
        if any(table.boxes):
            clicked = place_in_frame(workspace, faces, table, _refuse)
            beyond = clicked.beyond
    if len(clicked):
        clicks = _clicks(workspace, faces, clicked, {axis: _numbers(clicked, axis) for axis in AXES}, key)
        for rater, own in clicks.items():
            events.setdefault(rater, []).extend(own)
    with RatingLog(workspace.ratings_log) as log:
        receipts = log.append_batches([Batch(rater, own) for rater, own in events.items()])
        names = [name for (name,) in log.connection.execute("SELECT DISTINCT rater FROM events")]
    known = {"rater", "emotion", *AXES, "source", *(("pts_s", "end_s") if by_time else ("face_id", "frame_index"))}
    added = [event for receipt in receipts for event in receipt.added]
    every = [event for own in events.values() for event in own]
    return RatingsSummary(
        rows=len(table),
        raters=tuple(sorted(events)),
        faces=len({face for event in every for face in event.body.get("faces", ())}),
        traced=len({event.body["source"] for event in every if event.kind == "take"}),
        events=len(added),
        beyond=beyond,
        ignored=tuple(name for name in table.columns if name not in known),
        lookalikes=find_lookalikes(names),
    )


def _refuse(place: str, message: str) -> None:
    raise InputError(f"{place}: {message}; nothing was applied")


def _is_point(table: LabelTable) -> npt.NDArray[np.bool_]:
    """Return which rows concern a point in time rather than a span."""
    return np.array([not end for end in table.columns.get("end_s", [""] * len(table))], bool)


def _face_labels(workspace: Workspace, faces: pa.Table, table: LabelTable) -> LabelTable:
    """Return a table by face with the values of time spans and the emotions at points in time."""
    point = _is_point(table)
    tables = []
    for rater in dict.fromkeys(table.columns["rater"]):
        rows = [row for row, name in enumerate(table.columns["rater"]) if name == rater]
        columns = {
            name: ["" if name in AXES and point[row] else cells[row] for row in rows]
            for name, cells in table.columns.items()
        }
        own = LabelTable(table.name, columns, [table.places[row] for row in rows])
        placed = place_in_time(workspace, faces, own, ("emotion", *AXES), _refuse)
        tables.append(replace(placed, columns={**placed.columns, "rater": [rater] * len(placed)}))
    return joined(tables)


def _clicks(
    workspace: Workspace,
    faces: pa.Table,
    table: LabelTable,
    values: dict[str, npt.NDArray[np.float64]],
    wanted: Literal["auto"] | Key,
) -> dict[str, list[Event]]:
    def report(row: int, message: str) -> None:
        _refuse(table.places[row], message)

    key = find_key(table, wanted)
    rows = match_rows(workspace, faces, table, key, report)
    faces_of = _faces_of(faces, rows)
    lexicon = load_lexicon(workspace.root)
    events: dict[str, list[Event]] = {}
    said: dict[tuple[str, str, str], tuple[Any, int]] = {}
    for row, rater in enumerate(table.columns["rater"]):
        own = faces_of.get(int(rows.target[row]), [])
        rated: list[tuple[str, dict[str, Any]]] = []
        point = {axis: float(values[axis][row]) for axis in AXES}
        given = [axis for axis in AXES if np.isfinite(point[axis])]
        if len(given) == 1:
            report(row, f"{given[0]} without the other axis; give both or neither")
        if given:
            rated.append(("rate", {**point, "accepted": False}))
        if text := table.columns.get("emotion", [""] * len(table))[row]:
            label = lexicon.lookup(text)
            if label is None:
                report(row, f"'{text}' is not in the lexicon of emotions; its labels are {', '.join(lexicon.labels)}")
            rated.append(("emotion", {"emotion": label}))
        for kind, body in rated:
            for face in own:
                earlier, line = said.setdefault((rater, face, kind), (body, row))
                if earlier != body:
                    report(row, f"{rater} rated the same face differently in {table.places[line]}")
                elif line == row:
                    events.setdefault(rater, []).append(_event(kind, rater, {**body, "faces": [face], "part": "main"}))
    return events


def _faces_of(faces: pa.Table, rows: Rows) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    kept = pc.equal(faces["status"], "kept").to_pylist()
    for face, target, counts in zip(faces["face_id"].to_pylist(), rows.target_of_face.tolist(), kept, strict=True):
        if target >= 0 and counts:
            found.setdefault(target, []).append(face)
    return found


def _traces(
    workspace: Workspace, table: LabelTable, values: dict[str, npt.NDArray[np.float64]]
) -> tuple[dict[str, list[Event]], int]:
    def report(row: int, message: str) -> None:
        _refuse(table.places[row], message)

    sources = store.read_sources(workspace, ["source_id", "path", "frames_decoded", "duration_s"])
    source = find_sources(workspace, sources, table.columns["source"], report)
    times = _numbers(table, "pts_s")
    if (unknown := np.flatnonzero(~((times >= 0) & np.isfinite(times)))).size:
        report(
            int(unknown[0]), f"the time '{table.columns['pts_s'][int(unknown[0])]}' is not a number of seconds from 0"
        )
    raters = np.array(table.columns["rater"], object)
    events: dict[str, list[Event]] = {}
    beyond = 0
    for rater in sorted(set(raters.tolist())):
        for number in np.unique(source[raters == rater]).tolist():
            place = sources.slice(number, 1).to_pylist()[0]
            count, duration_s = place["frames_decoded"], place["duration_s"]
            if not count or count < 2 or not duration_s:
                row = int(np.flatnonzero(source == number)[0])
                report(row, f"{place['path']} is no video with a known duration, so times cannot be placed in it")
            frame_s = duration_s / (count - 1)
            for axis in AXES:
                rows = np.flatnonzero((raters == rater) & (source == number) & np.isfinite(values[axis]))
                rows = rows[np.argsort(times[rows], kind="stable")]
                inside = rows[times[rows] < duration_s + frame_s]
                beyond += len(rows) - len(inside)
                if len(inside):
                    frames = np.minimum(np.round(times[inside] / frame_s), count - 1).astype(int)
                    events.setdefault(rater, []).extend(
                        _take(rater, place["source_id"], axis, frames, times[inside], values[axis][inside])
                    )
    return events, beyond


def _take(
    rater: str,
    source_id: str,
    axis: str,
    frames: npt.NDArray[np.int64],
    times_s: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
) -> list[Event]:
    """Return the event of a take of one axis, and the events of its samples."""
    start = {"source": source_id, "axis": axis, "speed": 1, "from_s": float(times_s[0])}
    said = {"frames": frames.tolist(), "media_s": times_s.tolist(), axis: values.tolist()}
    take = _event("take", rater, start, fingerprint(said))
    events = [take]
    for begin in range(0, len(frames), PIECE):
        part = slice(begin, begin + PIECE)
        other = next(name for name in AXES if name != axis)
        body = {
            "source": source_id,
            "take": take.id,
            "frames": said["frames"][part],
            "media_s": said["media_s"][part],
            "observed_ms": np.round(times_s[part] * 1000).astype(int).tolist(),
            axis: said[axis][part],
            other: [None] * len(frames[part]),
        }
        events.append(_event("trace", rater, body))
    return events


def _event(kind: str, rater: str, body: dict[str, Any], salt: str = "") -> Event:
    known = Known(_Any(), _Any(), _Any())
    name = fingerprint({"kind": kind, "rater": rater, "salt": salt, **body})
    return parse_event({"id": f"import-{name[:32]}", "kind": kind, "tab": "", "at_ms": 0, **body}, known)


class _Any:
    """Contains everything, because the rows are already matched."""

    def __contains__(self, item: object) -> bool:
        return True


def _numbers(table: LabelTable, name: str) -> npt.NDArray[np.float64]:
    """Return a column as numbers, NaN where a cell is empty; valence and arousal must be in [-1, 1]."""
    cells = table.columns.get(name, [""] * len(table))
    numbers = np.full(len(table), np.nan)
    for row, text in enumerate(cells):
        if text:
            try:
                numbers[row] = float(text)
            except ValueError:
                raise InputError(f"{table.places[row]}: {name} '{text}' is not a number; nothing was applied") from None
            if name in AXES and not -1 <= numbers[row] <= 1:
                raise InputError(f"{table.places[row]}: {name} {text} is outside [-1, 1]; nothing was applied")
    return numbers


def _at(table: LabelTable, row: int, check: Callable[[object], Any], value: object) -> None:
    try:
        check(value)
    except InputError as error:
        raise InputError(f"{table.places[row]}: {error}; nothing was applied") from error
