"""Which face of a picture or frame a box is about, where there are several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fertools.annotations.formats.table import LabelTable
from fertools.annotations.keys import KEY_COLUMNS, find_key, match_rows
from fertools.core.workspace import Workspace

LEAST_OVERLAP = 0.1
"""Intersection over union below which a box is about none of the faces; tools draw boxes tighter or wider than ours."""


def place_in_frame(
    workspace: Workspace, faces: pa.Table, table: LabelTable, report: Callable[[str, str], None]
) -> LabelTable:
    """Return a table by face of one whose rows have boxes.

    A row is about all faces of its picture or frame, as without a box, if there is one at most. Else it is about the
    face that its box overlaps most.

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
    ids, boxes = faces["face_id"], faces["box"]
    chosen: list[tuple[int, str]] = []
    for row, (target, box) in enumerate(zip(rows.target.tolist(), table.boxes, strict=True)):
        own = faces_of.get(target, [])
        if box is not None and len(own) > 1:
            shares = _overlap(np.array(box), np.array([boxes[face].as_py() for face in own]))
            if shares.max() < LEAST_OVERLAP:
                report(table.places[row], f"its box overlaps none of the {len(own)} faces there; correct or remove it")
            own = [own[int(shares.argmax())]]
        chosen += [(row, str(ids[face].as_py())) for face in own]
    columns = {
        name: [cells[row] for row, _ in chosen] for name, cells in table.columns.items() if name not in KEY_COLUMNS[key]
    }
    places = [table.places[row] for row, _ in chosen]
    return replace(table, columns={"face_id": [face for _, face in chosen], **columns}, places=places, boxes=())


def _overlap(box: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (n,) the intersection over union of a box x1, y1, x2, y2 with each of (n, 4) others."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = [(one[..., 2] - one[..., 0]) * (one[..., 3] - one[..., 1]) for one in (box, others)]
    shares: npt.NDArray[np.float64] = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    return shares
