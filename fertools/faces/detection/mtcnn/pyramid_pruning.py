"""Pyramid pruning: run P-Net from the coarsest level down, and skip places that the level above rules out.

A face responds on two or three neighbouring levels, most strongly on its own. If one level makes a face almost
impossible, the next finer level is skipped there, which would cost twice as much. P-Net runs on tiles of 8 x 8
steps, where its output equals its output for the whole level.

With few faces, P-Net runs on a third of the pyramid; with many, on nearly all of it. All 2,270 faces of the measured
photographs and clips kept their boxes and points (`docs/decisions/0009-pyramid-pruning.md`).
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
    logit_threshold,
    order_proposals,
    sigmoid,
)

MIN_PARENT_PROBABILITY = 0.2
"""Minimum face probability of P-Net at which the next finer level is searched there and nearby. It is lower if the
threshold of the search is low."""

LEAST_FACTOR = 0.7
"""Minimum ratio of two levels' scales: levels further apart predict too little about one another."""

_NEAR_STEPS = 2
"""Margin around each position, in steps of the finer level, because the steps of two levels do not coincide."""

TILE = 8
"""Side of a tile in steps. Smaller tiles prune more, but read more pixels twice."""

_SHARED = 4
"""Extra steps per side of a region: P-Net's window is twelve pixels, and a step is two."""

_WHOLE_STEPS = 2000
"""Levels of up to this many steps are searched whole, because pruning would save nothing."""

_MAX_SHARE = 0.8
"""A level is searched whole where its regions would cover more than this share of it."""

_PRUNED_LEVELS = 3
"""Number of finest levels that can be pruned; they have seven eighths of all steps. If all levels were pruned, a face
would have to respond on every level coarser than its own, which blurred faces do not."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

EvaluateRegions = Callable[[Level, Ints, float], tuple[Ints, Floats, Floats]]
"""Runs P-Net on regions (n, 4) of a level: first column and row, and one past the last column and row, in steps.

The arguments are the level, the regions and the minimum logit. The results are the steps (m, 2), column and row, whose
logit reaches the minimum, their logits (m,) and their box offsets (m, 4)."""


def propose_pruned(levels: Sequence[Level], threshold: float, evaluate: EvaluateRegions) -> list[Proposals]:
    """Return the windows of each level of the pyramid whose face probability reaches `threshold`.

    Args:
        levels: pyramid levels of one picture, largest first.
        threshold: minimum face probability, between 0 and 1.
        evaluate: runs P-Net on regions of a level.

    Returns:
        The windows of each level, except those that the next coarser level rules out.
    """
    parent_logit = logit_threshold(min(MIN_PARENT_PROBABILITY, threshold / 3))
    found: list[Proposals] = []
    above: tuple[Level, Ints] | None = None
    for number, level in reversed(list(enumerate(levels))):
        regions = np.array([[0, 0, level.columns, level.rows]])
        near = above is not None and above[0].scale >= level.scale * LEAST_FACTOR
        if above is not None and near and number < _PRUNED_LEVELS and level.rows * level.columns > _WHOLE_STEPS:
            parts = _regions(_tiles(*above, level), level)
            cost = (parts[:, 2:] - parts[:, :2] + _SHARED).prod(axis=1).sum()
            regions = parts if cost < _MAX_SHARE * level.rows * level.columns else regions
        steps, logits, offsets = evaluate(level, regions, parent_logit)
        above = level, steps
        scores = sigmoid(logits)
        hit = scores >= threshold
        found.append(
            order_proposals(np.zeros(int(hit.sum()), np.int64), steps[hit], scores[hit], offsets[hit], level.scale)
        )
    return found[::-1]


def _tiles(above: Level, parents: Ints, level: Level) -> NDArray[np.bool_]:
    """Return which tiles (rows, columns) of a level are below positions of the level above."""
    half = WINDOW_PX / 2
    here = ((parents * STRIDE_PX + half) * (level.scale / above.scale) - half) / STRIDE_PX
    last = np.array([level.columns, level.rows]) - 1
    wanted = np.zeros((last // TILE + 1)[::-1], bool)
    for right in (-_NEAR_STEPS, _NEAR_STEPS):
        for down in (-_NEAR_STEPS, _NEAR_STEPS):
            step = np.round(here).astype(np.int64) + np.array([right, down])
            column, row = (step.clip(0, last) // TILE).T
            wanted[row, column] = True
    return wanted


def _regions(wanted: NDArray[np.bool_], level: Level) -> Ints:
    """Return tiles as regions (n, 4) in steps; tiles in a row, and equal rows below one another, are merged."""
    edges = np.diff(np.pad(wanted, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    # Of equal runs in successive rows, the first represents all.
    order = np.lexsort((row, last, first))
    row, first, last = row[order], first[order], last[order]
    goes_on = (np.diff(first) == 0) & (np.diff(last) == 0) & (np.diff(row) == 1)
    begins = np.flatnonzero(np.concatenate([[True], ~goes_on])[: len(row)])
    ends = np.concatenate([begins[1:], [len(row)]])[: len(begins)] - 1
    tiles = np.column_stack([first[begins], row[begins], last[begins], row[ends] + 1])
    return np.asarray(np.minimum(tiles * TILE, [level.columns, level.rows] * 2), np.int64)
