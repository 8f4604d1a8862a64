"""What the cascade does with boxes between its networks: suppression, regression, squaring, clipping.

Boxes are (n, 4) float32 x1, y1, x2, y2. The published networks were trained with inclusive corners, where a box
from 3 to 5 is three pixels wide; the `+ 1` in `regress` and in the `min` overlap come from there, and their
absence elsewhere from the reference implementation, which the tests hold this module to.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BLOCK = 64


def suppress(boxes: Floats, scores: Floats, threshold: float) -> NDArray[np.int64]:
    """Return the places of the boxes that no better box overlaps, best first (non-maximum suppression).

    Overlap is intersection over union. Of equal scores the earlier box is the better one.

    Args:
        boxes: (n, 4).
        scores: (n,).
        threshold: boxes whose overlap with a kept one is larger than this are dropped.
    """
    order = np.argsort(-scores, kind="stable")
    return _greedy(boxes[order], order, threshold, "union", 0.0)


def suppress_nested(boxes: Floats, scores: Floats, threshold: float) -> NDArray[np.int64]:
    """Return the places of the boxes that no better box mostly covers or is covered by, best first.

    Overlap is intersection over the smaller of the two areas, with inclusive corners. Of equal scores the later
    box is the better one, as in the reference. Arguments are those of `suppress`.
    """
    order = np.argsort(scores, kind="stable")[::-1]
    return _greedy(boxes[order], order, threshold, "min", 1.0)


def _greedy(
    boxes: Floats, order: NDArray[np.int64], threshold: float, over: Literal["union", "min"], inclusive: float
) -> NDArray[np.int64]:
    """Suppress boxes that are sorted, best first; `order` names them in the answer."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    extra = np.float32(inclusive)
    area = (x2 - x1 + extra) * (y2 - y1 + extra)
    alive = np.arange(len(boxes))
    kept: list[int] = []
    while alive.size:
        # Overlaps of a block of the best with all others at once: several times as fast as one by one.
        best = alive[:_BLOCK, None]
        width = np.minimum(x2[best], x2[alive]) - np.maximum(x1[best], x1[alive]) + extra
        height = np.minimum(y2[best], y2[alive]) - np.maximum(y1[best], y1[alive]) + extra
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        other = area[best] + area[alive] - shared if over == "union" else np.minimum(area[best], area[alive])
        # Multiplied out, because a box without area would divide by zero.
        covers = shared > np.float32(threshold) * other
        dropped = np.zeros(len(alive), dtype=bool)
        for row, place in enumerate(alive[:_BLOCK].tolist()):
            if not dropped[row]:
                kept.append(place)
                dropped |= covers[row]
        dropped[:_BLOCK] = True
        alive = alive[~dropped]
    return order[kept] if kept else order[:0]


def regress(boxes: Floats, offsets: Floats) -> Floats:
    """Return boxes moved by a network's offsets (n, 4), which are in units of the box's inclusive sides."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2] + np.float32(1), 2)
    return boxes + offsets * sides


def square(boxes: Floats) -> Floats:
    """Return the squares of the same centres whose side is the longer side of each box."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides * np.float32(0.5) - side * np.float32(0.5)
    return np.concatenate([corner, corner + side], axis=1)


def clip(boxes: Floats, height: int, width: int) -> NDArray[np.int64]:
    """Return the whole pixels of boxes inside a picture, as half-open x1, y1, x2, y2; may be empty boxes.

    Corners are truncated, counted from 1 and inclusive, as in the reference: pixel x of it is x - 1 here.
    """
    whole = np.trunc(boxes).astype(np.int64)
    corner = np.maximum(whole[:, :2], 1) - 1
    end = np.minimum(whole[:, 2:], np.array([width, height]))
    return np.concatenate([corner, end], axis=1)
