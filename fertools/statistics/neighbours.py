"""Nearest neighbours by Euclidean distance, in blocks that need little memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 512
"""Number of queries per block: the distances to all candidates are in memory for one block at a time."""


def nearest(
    candidates: NDArray[np.float32], queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the `count` candidates with the least Euclidean distance; the first of two with the same distance.

    Args:
        candidates: NxD features.
        queries: MxD features.
        count: candidates to return for each query; k is `count`, or N if that is less.

    Returns:
        Mxk indices of candidates and their distances, nearest first.

    Example:
        >>> rows, distances = nearest(np.eye(3, dtype=np.float32), np.zeros((1, 3), np.float32), 2)
        >>> rows.tolist(), distances.tolist()
        ([[0, 1]], [[1.0, 1.0]])
    """
    count = min(count, len(candidates))
    pool = candidates.astype(np.float64)
    squares = (pool**2).sum(axis=1)
    rows = np.empty((len(queries), count), np.int64)
    distances = np.empty((len(queries), count))
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK].astype(np.float64)
        squared = squares + (block**2).sum(axis=1)[:, None] - 2 * block @ pool.T
        best = np.argsort(squared, axis=1, kind="stable")[:, :count]
        rows[start : start + _BLOCK] = best
        # By rounding, the difference of large squares can be a little below zero.
        distances[start : start + _BLOCK] = np.sqrt(np.maximum(np.take_along_axis(squared, best, axis=1), 0))
    return rows, distances
