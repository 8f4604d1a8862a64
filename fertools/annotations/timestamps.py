"""Match the rows of a table by time to faces."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.formats.table import LabelTable
from fertools.annotations.row_matching import find_sources
from fertools.core.workspace import Workspace
from fertools.manifests import store

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LONE_STEP_S = 0.04
"""Assumed distance in seconds between times if a source has only one time."""
_ROUNDING_S = 1e-6


def is_by_time(table: LabelTable) -> bool:
    """Return whether the rows of a table have times in sources instead of faces or frames."""
    names = set(table.columns)
    return not {"face_id", "frame_index"} & names and {"source", "pts_s"} <= names


def place_in_time(
    workspace: Workspace,
    faces: pa.Table,
    table: LabelTable,
    labels: Sequence[str],
    report: Callable[[str, str], None],
) -> LabelTable:
    """Return a table by face for a table by time, with one row per labelled face.

    A row with `end_s` labels the faces from `pts_s` until then. Any other row labels the faces that are closer to its
    time than to the times of other rows with the same kind of label. The distance must not exceed half of the median
    step between these times.

    Args:
        workspace: the workspace of the sources.
        faces: the manifest.
        table: a table with `source`, `pts_s`, labels, and optionally `end_s`.
        labels: names of the label columns.
        report: called with the place and the description of each problem.
    """
    sources = store.read_sources(workspace, ["source_id", "path", "frames_decoded"])
    source = find_sources(
        workspace, sources, table.columns["source"], lambda row, text: report(table.places[row], text)
    )
    begin = _times(table, "pts_s", report)
    end = _times(table, "end_s", report) if "end_s" in table.columns else np.full(len(table), np.nan)
    for row in np.flatnonzero(end < begin).tolist():
        report(table.places[row], f"end_s '{table.columns['end_s'][row]}' is before pts_s; swap them")
    source_of_face = pc.index_in(faces["source_id"], value_set=sources["source_id"].combine_chunks())
    source_of_face = pc.fill_null(source_of_face, -1).to_numpy()
    pts = faces["pts_s"].to_numpy()
    names = [name for name in labels if name in table.columns]
    found: dict[int, dict[str, int]] = {}
    for number in np.unique(source[source >= 0]).tolist():
        shown = np.flatnonzero((source_of_face == number) & ~np.isnan(pts))
        shown = shown[np.argsort(pts[shown], kind="stable")]
        for name in names:
            cells = table.columns[name]
            rows = np.array([row for row in np.flatnonzero(source == number).tolist() if cells[row]], np.int64)
            rows = rows[~np.isnan(begin[rows])]
            for face, row in _pairs(shown, pts[shown], rows, begin[rows], end[rows]):
                earlier = found.setdefault(face, {}).setdefault(name, row)
                if cells[earlier] != cells[row]:
                    report(
                        table.places[row],
                        f"{name} '{cells[row]}' contradicts '{cells[earlier]}' in {table.places[earlier]} for the time "
                        f"{pts[face]:g} s",
                    )
    order = sorted(found)
    ids = faces["face_id"]
    columns = {"face_id": [str(ids[face].as_py()) for face in order]}
    columns |= {
        name: [table.columns[name][found[face][name]] if name in found[face] else "" for face in order]
        for name in names
    }
    return LabelTable(table.name, columns, [table.places[next(iter(found[face].values()))] for face in order])


def _pairs(faces: Integers, pts: Floats, rows: Integers, begin: Floats, end: Floats) -> list[tuple[int, int]]:
    """Return pairs of a face and the row that labels it, for one source with faces sorted by time."""
    pairs = []
    spans = ~np.isnan(end)
    first, last = np.searchsorted(pts, begin[spans] - _ROUNDING_S), np.searchsorted(pts, end[spans] - _ROUNDING_S)
    for row, low, high in zip(rows[spans].tolist(), first.tolist(), last.tolist(), strict=True):
        pairs += [(int(face), row) for face in faces[low:high]]
    points, at = rows[~spans], begin[~spans]
    if len(points) and len(faces):
        order = np.argsort(at, kind="stable")
        points, at = points[order], at[order]
        steps = np.diff(np.unique(at))
        reach = (float(np.median(steps)) if len(steps) else LONE_STEP_S) / 2 + _ROUNDING_S
        after = np.searchsorted(at, pts).clip(0, len(at) - 1)
        before = (after - 1).clip(0)
        nearest = np.where(pts - at[before] < at[after] - pts, before, after)
        near = np.abs(at[nearest] - pts) <= reach
        for face, nearest_s in zip(faces[near].tolist(), at[nearest[near]].tolist(), strict=True):
            # All rows with the same time count, so that a contradiction is found.
            same = range(*np.searchsorted(at, [nearest_s, np.nextafter(nearest_s, np.inf)]).tolist())
            pairs += [(int(face), int(points[place])) for place in same]
    return pairs


def _times(table: LabelTable, name: str, report: Callable[[str, str], None]) -> Floats:
    """Return a column of times in seconds, NaN where a cell is empty."""
    times = np.full(len(table), np.nan)
    for row, text in enumerate(table.columns[name]):
        with suppress(ValueError):
            times[row] = float(text or "nan")
        # An empty end means a point in time instead of a span.
        if not 0 <= times[row] < math.inf and (text or name == "pts_s"):
            report(table.places[row], f"{name} '{text}' is not a number of seconds from 0")
    return times
