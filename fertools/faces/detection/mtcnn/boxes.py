"""Box operations of the cascade between its networks: suppression, regression, squaring, clipping.

Boxes are (n, 4) float32 x1, y1, x2, y2. The published networks were trained with inclusive corners, so a box from 3 to
5 is three pixels wide. The `+ 1` in `regress` and in the `min` overlap follows from that. Its absence elsewhere follows
the reference implementation, and the tests compare this module with it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fertools.core.native.library import library

Floats = NDArray[np.float32]

_PAIRS = 1 << 17
"""Pairs of boxes compared at once. Their tables, 4 or 8 bytes per pair, stay in the cache, and memory stays flat."""


def suppress(
    boxes: Floats, scores: Floats, threshold: float, group: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the indices of the boxes that no better box overlaps (non-maximum suppression).

    Overlap is intersection over union. Of equal scores, the earlier box is the better one.

    Args:
        boxes: (n, 4).
        scores: (n,).
        threshold: boxes that overlap a kept box by more than this are dropped; 0 or more.
        group: (n,) picture of each box, because boxes of two pictures do not overlap; None for one picture.

    Returns:
        The indices in ascending order of group, best first within each group.
    """
    return _greedy(boxes, np.argsort(-scores, kind="stable"), threshold, group, "union", 0.0)


def suppress_nested(
    boxes: Floats, scores: Floats, threshold: float, group: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the indices of the boxes that no better box mostly covers or is covered by.

    Overlap is intersection over the smaller of the two areas, with inclusive corners. Of equal scores, the later
    box is the better one, as in the reference. Arguments and result are those of `suppress`.
    """
    return _greedy(boxes, np.argsort(scores, kind="stable")[::-1], threshold, group, "min", 1.0)


def _greedy(
    boxes: Floats,
    order: NDArray[np.int64],
    threshold: float,
    group: NDArray[np.int64] | None,
    over: Literal["union", "min"],
    inclusive: float,
) -> NDArray[np.int64]:
    """Suppress boxes of all groups at once; `order` has their indices, best first.

    Greedy suppression keeps the best box and drops the boxes it covers, then continues with the best of the rest. The
    compiled code does exactly that. NumPy first finds all pairs that cover one another. In each round it keeps every
    box without a better cover, and removes the boxes that these cover with all their pairs. A few rounds are enough.
    """
    if group is not None:
        order = order[np.argsort(group[order], kind="stable")]
        group = group[order]
    if (compiled := library()) is not None:
        groups = np.zeros(len(order), np.int64) if group is None else group
        return order[compiled.suppress(boxes[order], groups, threshold, smaller=over == "min", extra=inclusive)]
    better, worse = _covering(boxes[order], group, np.float32(threshold), over, np.float32(inclusive))
    kept = np.ones(len(order), dtype=bool)
    while better.size:
        covered, dropped = np.zeros_like(kept), np.zeros_like(kept)
        covered[worse] = True
        dropped[worse[~covered[better]]] = True
        kept &= ~dropped
        open_still = ~(dropped[better] | dropped[worse])
        better, worse = better[open_still], worse[open_still]
    return order[kept]


def _covering(
    boxes: Floats,
    group: NDArray[np.int64] | None,
    threshold: np.float32,
    over: Literal["union", "min"],
    extra: np.float32,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs (smaller index, larger index) of boxes of one group whose overlap exceeds the threshold."""
    if not len(boxes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Groups are placed side by side on one line, further apart than any box is wide, so one sweep finds no pair of two
    # groups. Only the order on the line uses the shift; overlaps use the original boxes.
    begin, end = boxes[:, 0].astype(np.float64), boxes[:, 2] + np.float64(extra)
    if group is not None:
        shift = group * (end.max() - begin.min() + 1)
        begin, end = begin + shift, end + shift
    sweep = np.argsort(begin, kind="stable")
    x1, y1, x2, y2 = np.ascontiguousarray(boxes[sweep].T)
    area = (x2 - x1 + extra) * (y2 - y1 + extra)
    following = np.arange(1, len(boxes) + 1)
    # Boxes that begin before this one ends follow directly. Touching boxes are included, because the shift rounds.
    counts = np.maximum(np.searchsorted(begin[sweep], end[sweep], side="right") - following, 0)
    totals = np.cumsum(counts)
    found = []
    start = 0
    while start < len(boxes):
        before = totals[start] - counts[start]
        stop = max(start + 1, int(np.searchsorted(totals, before + _PAIRS, side="right")))
        some = slice(start, stop)
        first = np.repeat(np.arange(start, stop), counts[some])
        skipped = totals[some] - counts[some] - before
        second = np.arange(len(first)) + np.repeat(following[some] - skipped, counts[some])
        height = np.minimum(y2[first], y2[second]) - np.maximum(y1[first], y1[second]) + extra
        touching = np.flatnonzero(height > 0)
        first, second = first[touching], second[touching]
        width = np.minimum(x2[first], x2[second]) - np.maximum(x1[first], x1[second]) + extra
        shared = np.maximum(width, 0) * height[touching]
        other = area[first] + area[second] - shared if over == "union" else np.minimum(area[first], area[second])
        # Written as a product, because a box without area would divide by zero.
        covers = shared > threshold * other
        found.append((sweep[first[covers]], sweep[second[covers]]))
        start = stop
    left, right = (np.concatenate(side) for side in zip(*found, strict=True))
    return np.minimum(left, right), np.maximum(left, right)


def regress(boxes: Floats, offsets: Floats) -> Floats:
    """Return boxes moved by a network's offsets (n, 4), in units of the box's inclusive sides."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2] + np.float32(1), 2)
    return boxes + offsets * sides


def square(boxes: Floats) -> Floats:
    """Return the squares with the same centres and the longer side of each box."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides * np.float32(0.5) - side * np.float32(0.5)
    return np.concatenate([corner, corner + side], axis=1)


def clip(boxes: Floats, height: int, width: int) -> NDArray[np.int64]:
    """Return boxes in whole pixels inside a picture, as half-open x1, y1, x2, y2; a box may be empty.

    Corners are truncated, counted from 1 and inclusive, as in the reference; its pixel x is x - 1 here.
    """
    whole = np.trunc(boxes).astype(np.int64)
    corner = np.maximum(whole[:, :2], 1) - 1
    end = np.minimum(whole[:, 2:], np.array([width, height]))
    return np.concatenate([corner, end], axis=1)
