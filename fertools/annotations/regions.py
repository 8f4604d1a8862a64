"""Match the boxes of a table to the faces of a picture or frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fertools.annotations.formats.table import LabelTable
from fertools.annotations.row_matching import KEY_COLUMNS, find_key, match_rows
from fertools.core.workspace import Workspace

LEAST_OVERLAP = 0.1
"""Minimum intersection over union of a box and its face; boxes of other tools are tighter or wider than ours."""


def place_in_frame(
    workspace: Workspace, faces: pa.Table, table: LabelTable, report: Callable[[str, str], None]
) -> LabelTable:
    """Return a table by face for a table with boxes.

    A row with a box concerns the face that the box overlaps most. If it overlaps none, the face was not detected: the
    row is left out and counted. A row without a box concerns all faces of its picture or frame. So do all rows if no
    box of the table overlaps any face, because such boxes are unchanged defaults or have other units.

    Args:
        workspace: the workspace of the sources.
        faces: the manifest, with `box`.
        table: a table with key columns, boxes and labels.
        report: called with the place and the description of each problem.
    """
    key = find_key(table, "auto")
    rows = match_rows(workspace, faces, table, key, lambda row, text: report(table.places[row], text))
    faces_of = defaultdict(list)
    for face, target in enumerate(rows.target_of_face.tolist()):
        if target >= 0:
            faces_of[target].append(face)
    shown = [faces_of.get(target, []) for target in rows.target.tolist()]
    corners = faces["box"].combine_chunks().flatten().to_numpy().reshape(-1, 4).astype(np.float64)
    best = [
        None if box is None or not own else _closest(np.array(box), corners[own], own)
        for box, own in zip(table.boxes, shown, strict=True)
    ]
    chosen: list[tuple[int, int]] = []
    trusted, missed = any(best), 0
    for row, (own, found) in enumerate(zip(shown, best, strict=True)):
        if found is None or not trusted:
            if found is not None and len(own) > 1:
                report(
                    table.places[row],
                    f"no box of this file overlaps a face, and the frame has {len(own)}; correct the boxes",
                )
            chosen += [(row, face) for face in own]
        elif found:
            chosen.append((row, found[0]))
        else:
            missed += 1
    columns = {
        name: [cells[row] for row, _ in chosen] for name, cells in table.columns.items() if name not in KEY_COLUMNS[key]
    }
    ids = faces["face_id"].take(pa.array([face for _, face in chosen], pa.int64())).to_pylist()
    places = [table.places[row] for row, _ in chosen]
    return replace(table, columns={"face_id": ids, **columns}, places=places, beyond=table.beyond + missed, boxes=())


def _closest(box: npt.NDArray[np.float64], corners: npt.NDArray[np.float64], faces: list[int]) -> tuple[int, ...]:
    """Return the face (by N x 4 corners) that a box overlaps most, or an empty tuple if it overlaps none."""
    width = np.minimum(box[2], corners[:, 2]) - np.maximum(box[0], corners[:, 0])
    height = np.minimum(box[3], corners[:, 3]) - np.maximum(box[1], corners[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = [(one[..., 2] - one[..., 0]) * (one[..., 3] - one[..., 1]) for one in (box, corners)]
    shares = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    return (faces[int(shares.argmax())],) if shares.max() >= LEAST_OVERLAP else ()
