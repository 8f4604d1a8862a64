"""Pictures that hold the portrait's face at chosen places and sizes, on a ground that no detector takes for one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def scene(portrait: Picture, height: int, width: int, places: Sequence[tuple[int, int, int]]) -> Picture:
    """Return a picture of `height` x `width` with the portrait pasted in.

    Args:
        portrait: (512, 512, 3); the face in it is about 87 x 110 pixels.
        height: of the picture.
        width: likewise.
        places: side of the pasted portrait and x, y of its upper left corner; it may reach past the picture.
    """
    rng = np.random.default_rng(height * 10_000 + width)
    ground = rng.integers(60, 200, (height // 16 + 1, width // 16 + 1, 3)).astype(np.uint8)
    picture = np.asarray(cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    for side, x, y in places:
        face = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
        picture[top:bottom, left:right] = face[top - y : bottom - y, left - x : right - x]
    return picture
