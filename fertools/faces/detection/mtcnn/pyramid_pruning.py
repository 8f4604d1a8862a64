"""P-Net from the coarsest level of the pyramid down: a level is looked at where the one above it is in doubt.

A face of a size answers on two or three neighbouring levels, on those beside its own with less. So where a level of the
pyramid says that a face is all but impossible, the next finer level, which costs twice as much, can be passed over.
What is looked at are tiles of eight by eight steps; what P-Net says of them is what it says when the whole level is
looked at.

Where faces are few a third of the pyramid is looked at, where they are many nearly all of it. Every face and every
point of 2,270 in photographs and clips came out as when all is (`docs/decisions/0009-descent.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn.proposals import (
    STRIDE_PX,
    WINDOW_PX,
    Level,
    Proposals,
    in_reading_order,
    least_evidence,
    probability,
)

DOUBT = 0.2
"""Face probability of P-Net from which the next finer level is looked at there, and near it; less where the threshold
is low."""

LEAST_FACTOR = 0.7
"""Levels that are further apart say too little about one another."""

_NEAR_STEPS = 2
"""How near, in steps of the finer level: the two levels' steps do not coincide."""

TILE = 8
"""Steps to a side of a tile. Smaller ones follow what is in doubt more closely, but share more of their pixels."""

_SHARED = 4
"""Steps that a region costs to a side beyond its own: P-Net's window is twelve pixels, and a step two."""

_WHOLE_STEPS = 2000
"""Levels of up to this many steps are looked at whole: there is nothing to save."""

_WORTH = 0.8
"""A level is looked at whole where regions would be more than this share of it."""

_GATED = 3
"""Levels, from the finest on, that may be passed over in part: seven eighths of all steps. If all might be, a face
would have to raise a doubt on every level coarser than its own, which blurred ones do not."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

Look = Callable[[Level, Ints, float], tuple[Ints, Floats, Floats]]
"""Looks at regions of a level, (n, 4): the first steps to the right and down, and the ends of both. Returns where the
log-odds of a face are at least the last argument, (m, 2) steps to the right and down; the log-odds; and the offsets."""


def descend(levels: Sequence[Level], threshold: float, look: Look) -> list[Proposals]:
    """Return the windows of each level of the pyramid whose face probability reaches `threshold`.

    Args:
        levels: of one picture, largest first.
        threshold: least probability, between 0 and 1.
        look: P-Net.

    Returns:
        Those of each level, but for windows that the next coarser level has no doubt about.
    """
    doubt = least_evidence(min(DOUBT, threshold / 3))
    found: list[Proposals] = []
    above: tuple[Level, Ints] | None = None
    for number, level in reversed(list(enumerate(levels))):
        regions = np.array([[0, 0, level.columns, level.rows]])
        near = above is not None and above[0].scale >= level.scale * LEAST_FACTOR
        if above is not None and near and number < _GATED and level.rows * level.columns > _WHOLE_STEPS:
            parts = _regions(_tiles(*above, level), level)
            cost = (parts[:, 2:] - parts[:, :2] + _SHARED).prod(axis=1).sum()
            regions = parts if cost < _WORTH * level.rows * level.columns else regions
        steps, odds, offsets = look(level, regions, doubt)
        above = level, steps
        scores = probability(odds)
        hit = scores >= threshold
        found.append(
            in_reading_order(np.zeros(int(hit.sum()), np.int64), steps[hit], scores[hit], offsets[hit], level.scale)
        )
    return found[::-1]


def _tiles(above: Level, doubtful: Ints, level: Level) -> NDArray[np.bool_]:
    """Return which tiles of a level (rows, columns of tiles) places of the level above lead to."""
    half = WINDOW_PX / 2
    here = ((doubtful * STRIDE_PX + half) * (level.scale / above.scale) - half) / STRIDE_PX
    last = np.array([level.columns, level.rows]) - 1
    wanted = np.zeros((last // TILE + 1)[::-1], bool)
    for right in (-_NEAR_STEPS, _NEAR_STEPS):
        for down in (-_NEAR_STEPS, _NEAR_STEPS):
            step = np.round(here).astype(np.int64) + np.array([right, down])
            column, row = (step.clip(0, last) // TILE).T
            wanted[row, column] = True
    return wanted


def _regions(wanted: NDArray[np.bool_], level: Level) -> Ints:
    """Return tiles as regions (n, 4) of steps: runs of tiles in a row, and equal runs of rows below one another."""
    edges = np.diff(np.pad(wanted, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    # Of equal runs in successive rows, the first stands for all.
    order = np.lexsort((row, last, first))
    row, first, last = row[order], first[order], last[order]
    goes_on = (np.diff(first) == 0) & (np.diff(last) == 0) & (np.diff(row) == 1)
    begins = np.flatnonzero(np.concatenate([[True], ~goes_on])[: len(row)])
    ends = np.concatenate([begins[1:], [len(row)]])[: len(begins)] - 1
    tiles = np.column_stack([first[begins], row[begins], last[begins], row[ends] + 1])
    return np.asarray(np.minimum(tiles * TILE, [level.columns, level.rows] * 2), np.int64)
