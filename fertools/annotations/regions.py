"""Which face of a picture or frame a box is about."""

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
"""Intersection over union below which a box is about none of the faces; tools draw boxes tighter or wider than ours."""


def place_in_frame(
    workspace: Workspace, faces: pa.Table, table: LabelTable, report: Callable[[str, str], None]
) -> LabelTable:
    """Return a table by face of one whose rows have boxes.

    A row with a box is about the face that its box overlaps most. If it overlaps none, the face was not found, and the
    row is left out and counted. A row without a box is about all faces of its picture or frame. So are all rows if no
    box of the table overlaps any face: then they are defaults that nobody moved, or in other units.

    Args:
        workspace: whose sources.
        faces: the manifest, with `box`.
        table: a key, boxes, and labels.
        report: called with the place and what is wrong there.
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
    believed, missed = any(best), 0
    for row, (own, found) in enumerate(zip(shown, best, strict=True)):
        if found is None or not believed:
            if found is not None and len(own) > 1:
                report(
                    table.places[row], f"no box of this file overlaps a face, and {len(own)} are shown; correct boxes"
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
    """Return the one of the faces at (n, 4) corners that a box overlaps most, or nothing if it overlaps none."""
    width = np.minimum(box[2], corners[:, 2]) - np.maximum(box[0], corners[:, 0])
    height = np.minimum(box[3], corners[:, 3]) - np.maximum(box[1], corners[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = [(one[..., 2] - one[..., 0]) * (one[..., 3] - one[..., 1]) for one in (box, corners)]
    shares = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    return (faces[int(shares.argmax())],) if shares.max() >= LEAST_OVERLAP else ()
