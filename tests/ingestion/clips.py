"""What tests of ingest are given: a face that moves, and options that make light work of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.ingestion.options import IngestOptions

OPTIONS = IngestOptions(workers=1, crop_px=64, min_face=24)


def small(portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def moving_face(portrait: NDArray[np.uint8], count: int, step_px: int = 2) -> list[NDArray[np.uint8]]:
    """Return frames of one face that moves to the right."""
    face = small(portrait)
    return [np.roll(face, step_px * number, axis=1) for number in range(count)]
