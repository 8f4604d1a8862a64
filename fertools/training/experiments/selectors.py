"""Methods that select generated faces for real faces, by name.

A selector takes the features of N candidates and of M real faces. For each real face, it returns the indices of the
selected candidates and their distances, best first. To add a method, add a function here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_BLOCK = 512
"""Number of real faces per block: the distances to all candidates are in memory for one block at a time."""


class Selector(Protocol):
    """Selects candidates for each real face."""

    def __call__(
        self, candidates: NDArray[np.float32], real: NDArray[np.float32], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return Mxk indices of candidates and their distances, best first.

        Args:
            candidates: NxD features.
            real: MxD features.
            count: candidates to select for each real face; k is `count`, or N if that is less.
        """


def nearest(
    candidates: NDArray[np.float32], real: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the `count` candidates with the least Euclidean distance; the first of two with the same distance.

    Example:
        >>> rows, distances = nearest(np.eye(3, dtype=np.float32), np.zeros((1, 3), np.float32), 2)
        >>> rows.tolist(), distances.tolist()
        ([[0, 1]], [[1.0, 1.0]])
    """
    count = min(count, len(candidates))
    pool = candidates.astype(np.float64)
    squares = (pool**2).sum(axis=1)
    rows = np.empty((len(real), count), np.int64)
    distances = np.empty((len(real), count))
    for start in range(0, len(real), _BLOCK):
        block = real[start : start + _BLOCK].astype(np.float64)
        squared = squares + (block**2).sum(axis=1)[:, None] - 2 * block @ pool.T
        best = np.argsort(squared, axis=1, kind="stable")[:, :count]
        rows[start : start + _BLOCK] = best
        # By rounding, the difference of large squares can be a little below zero.
        distances[start : start + _BLOCK] = np.sqrt(np.maximum(np.take_along_axis(squared, best, axis=1), 0))
    return rows, distances


SELECTORS: Mapping[str, Selector] = {"nearest": nearest}
"""All methods by their name in a step."""
