"""Give each face the label of the box that it is in: datasets with several faces per picture label them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.manifests import store
from fertools.sources.datasets.labels import FaceLabels

LEAST_OVERLAP = 0.3
"""Least intersection over union of a face and its label's box; boxes of different makers differ in their margins."""

_NUMBERS = ("intensity", "valence", "arousal")


def label_by_boxes(faces: pa.Table, boxes: Sequence[FaceLabels]) -> tuple[pa.Table, int]:
    """Return the faces of a picture with the labels of their boxes, and the number of labels without a face.

    Each label goes to one face, the best pair first. A face without a label stays unlabelled.

    Args:
        faces: rows of FACES of one picture.
        boxes: labels with their boxes.
    """
    placed = [labels for labels in boxes if labels.box is not None]
    owners = _match(np.array(faces["box"].to_pylist(), np.float64).reshape(-1, 4), placed)
    values: dict[str, list[Any]] = {name: [None] * len(faces) for name in ("emotion", "emotion_origin", *_NUMBERS)}
    values["va_origin"] = [None] * len(faces)
    for face, labels in owners.items():
        values["emotion"][face] = labels.emotion
        values["emotion_origin"][face] = "dataset" if labels.emotion else None
        for name in _NUMBERS:
            values[name][face] = getattr(labels, name)
        values["va_origin"][face] = "dataset" if labels.valence is not None else None
    return store.replace_columns(faces, dict(values)), len(boxes) - len(owners)


def _match(faces: NDArray[np.float64], placed: Sequence[FaceLabels]) -> dict[int, FaceLabels]:
    """Return the label of each face, by the number of the face."""
    if not len(faces) or not placed:
        return {}
    overlaps = _overlaps(faces, np.array([labels.box for labels in placed], np.float64))
    owners: dict[int, FaceLabels] = {}
    for _ in range(min(overlaps.shape)):
        face, label = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        if overlaps[face, label] < LEAST_OVERLAP:
            break
        owners[int(face)] = placed[int(label)]
        overlaps[face], overlaps[:, label] = 0.0, 0.0
    return owners


def _overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each pair, (n, m), of boxes (n, 4) and (m, 4) as x1, y1, x2, y2."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float64)
