"""Cut the crop that an embedder wants from the crop that ingest stored, so that no video is decoded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.alignment import extract_crop, similarity
from fertools.faces.identity.embedder import EmbedderCard

COLUMNS = ("face_id", "path", "landmarks", "landmarks_smoothed", "size_px", "template", "matrix")
"""Columns of the manifest that `cut_crop` needs."""


def cut_crop(root: Path, row: dict[str, Any], card: EmbedderCard) -> NDArray[np.uint8] | None:
    """Return the crop of a face for an embedder; None if the stored crop is missing or damaged.

    A face without landmarks cannot be aligned, so its stored crop is resized.

    Args:
        root: folder of the workspace.
        row: values of COLUMNS.
        card: the embedder with its crop.
    """
    stored = cv2.imread(str(root / row["path"]), cv2.IMREAD_COLOR)
    if stored is None:
        return None
    picture = np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)
    points = row["landmarks_smoothed"] or row["landmarks"]
    if points is not None and row["matrix"] is not None:
        matrix = np.asarray(row["matrix"], np.float64)
        inside = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
        try:
            return extract_crop(picture, similarity(inside, card.template, card.size_px), card.size_px, "edge")
        except InputError:
            pass
    return np.asarray(cv2.resize(picture, (card.size_px, card.size_px), interpolation=cv2.INTER_AREA), np.uint8)
