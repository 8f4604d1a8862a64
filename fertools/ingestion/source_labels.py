"""Give the faces of a source the labels that came with it, by their boxes if it shows several people."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.ingestion.plan import Source
from fertools.manifests import store
from fertools.sources.label_columns import SourceLabels

LEAST_OVERLAP: Final = 0.1
"""Minimum intersection over union of a box and its face; boxes of other tools are tighter or wider than ours."""


def match_labels(labels: tuple[SourceLabels, ...], boxes: NDArray[np.float64]) -> list[SourceLabels | None]:
    """Return the labels of each face of a source.

    Labels without a box are those of all faces. Otherwise each box is matched with one face, so that the sum of their
    overlaps is largest, and no label is given to two faces.

    Args:
        labels: labels of the source.
        boxes: (N, 4) boxes of the faces.

    Returns:
        N labels, None for a face that no box overlaps enough.

    Example:
        >>> labels = (SourceLabels(emotion="fear", box=(0, 0, 10, 10)),)
        >>> [found and found.emotion for found in match_labels(labels, np.array([[50.0, 0, 60, 10], [1, 0, 11, 10]]))]
        [None, 'fear']
    """
    boxed = [one for one in labels if one.box is not None]
    if not boxed or not len(boxes):
        return [labels[0] if labels and not boxed else None] * len(boxes)
    # Imported here, because it takes half a second, and only labels with boxes need it.
    from scipy.optimize import linear_sum_assignment

    overlaps = _overlaps(boxes, np.array([one.box for one in boxed], np.float64))
    found: list[SourceLabels | None] = [None] * len(boxes)
    for face, label in zip(*linear_sum_assignment(-overlaps), strict=True):
        if overlaps[face, label] >= LEAST_OVERLAP:
            found[face] = boxed[label]
    return found


def _overlaps(faces: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each face (N, 4) and box (M, 4): (N, M)."""
    low = np.maximum(faces[:, None, :2], boxes[None, :, :2])
    high = np.minimum(faces[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = [(one[:, 2:] - one[:, :2]).prod(axis=1) for one in (faces, boxes)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9), np.float64)


def face_boxes(faces: pa.Table) -> NDArray[np.float64]:
    """Return the boxes (N, 4) of rows of the manifest."""
    return np.array(faces["box"].to_pylist(), np.float64).reshape(-1, 4)


def label_faces(source: Source, faces: pa.Table) -> tuple[pa.Table, str | None]:
    """Return the faces of a source with the labels that came with it, and a remark for the source.

    Args:
        source: the source; without labels of its own nothing changes.
        faces: rows of FACES with status and subject.
    """
    if not source.labels:
        return faces, None
    found = match_labels(source.labels, face_boxes(faces))
    kept = faces["status"].to_pylist()
    columns: dict[str, list[Any]] = {}
    if boxed := any(one.box is not None for one in source.labels):
        columns["emotion"] = [one and one.emotion for one in found]
        columns["emotion_origin"] = [one.origin if one and one.emotion else None for one in found]
        if "subject_id" in source.labels[0].given:
            columns["subject_id"] = [one and one.subject_id for one in found]
            columns["subject_origin"] = ["dataset" if one and one.subject_id else None for one in found]
    for name in ("valence", "arousal", "intensity", "pair_id"):
        if any(getattr(one, name) is not None for one in source.labels):
            columns[name] = [one and getattr(one, name) for one in found]
    if "valence" in columns:
        columns["va_origin"] = [one.origin if one and one.valence is not None else None for one in found]
    if any(one.split for one in source.labels):
        # A rejected face takes part in no split.
        columns["split"] = [
            one.split if one and status == "kept" else None for one, status in zip(found, kept, strict=True)
        ]
    arrays = {name: pa.array(values, faces.schema.field(name).type) for name, values in columns.items()}
    remarks = [one.reason for one in source.labels if one.reason][:3]
    missed = len({one.box for one in source.labels}) - sum(one is not None for one in found) if boxed else 0
    if missed:
        remarks.append(f"{missed} of its {len(source.labels)} labelled boxes show no detected face")
    return store.replace_columns(faces, arrays), "; ".join(remarks) or None
