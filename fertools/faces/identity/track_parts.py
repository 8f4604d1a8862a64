"""Split a track that shows several people: a tracker can move from one face to another that crosses it.

For each number of cuts, dynamic programming finds those that leave the least scatter around the mean of each stretch of
time. Of these divisions, the one with most cuts counts in which every cut stands a test: the faces before and after it
look like two people, and the faces on each side like one.

Source: Harchaoui and Cappé, "Retrospective multiple change-point estimation with kernels", SSP 2007.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fertools.faces.identity.embedder import Floats

_LEAST = 2
"""Least number of compared faces in a stretch: one face alone may be blurred or turned away."""
_GAP = 0.1
"""By how much faces on the same side must be more alike than faces across the cut."""


def find_cuts(embeddings: Floats, stranger: float) -> list[int]:
    """Return before which faces a track changes its person; empty if it shows one person.

    Args:
        embeddings: (N, D) embeddings of length 1 of faces of one track, in the order of time.
        stranger: cosine that most pairs of different people do not reach. Faces across a cut are on average below it.

    Example:
        >>> one, two = np.eye(2, dtype=np.float32)
        >>> find_cuts(np.stack([one, one, one, two, two, one, one]), 0.5)
        [3, 5]
    """
    alike = np.asarray(embeddings @ embeddings.T, np.float64)
    if len(alike) < 2 * _LEAST or alike.min() >= stranger:
        return []
    for cuts in _divisions(alike):
        ends = [0, *cuts, len(alike)]
        changes = zip(ends, ends[1:], ends[2:], strict=False)
        if all(_is_change(alike, start, cut, end, stranger) for start, cut, end in changes):
            return cuts
    return []


def _divisions(alike: NDArray[np.float64]) -> Iterator[list[int]]:
    """Yield the best cuts into several stretches, most cuts first.

    Args:
        alike: (N, N) cosines. A stretch of n faces has the scatter n - sum / n.
    """
    count = len(alike)
    sums = np.zeros((count + 1, count + 1))
    sums[1:, 1:] = alike.cumsum(axis=0).cumsum(axis=1)
    scatter = np.full((count + 1, count + 1), np.inf)
    for start in range(count + 1 - _LEAST):
        for end in range(start + _LEAST, count + 1):
            inside = sums[end, end] - sums[start, end] - sums[end, start] + sums[start, start]
            scatter[start, end] = (end - start) - inside / (end - start)
    least, begins = scatter[0], list[NDArray[np.int64]]()
    for _ in range(count // _LEAST - 1):
        totals = least[:, None] + scatter
        begins.append(totals.argmin(axis=0))
        least = totals.min(axis=0)
    for cuts in range(len(begins), 0, -1):
        places = [count]
        for begin in reversed(begins[:cuts]):
            places.append(int(begin[places[-1]]))
        yield places[:0:-1]


def _is_change(alike: NDArray[np.float64], start: int, cut: int, end: int, stranger: float) -> bool:
    """Return whether the stretches on both sides of a cut look like two people, and each of them like one."""
    across = float(alike[start:cut, cut:end].mean())
    within = min(_mean_of_pairs(alike[start:cut, start:cut]), _mean_of_pairs(alike[cut:end, cut:end]))
    return across < stranger and within > across + _GAP and within > stranger


def _mean_of_pairs(alike: NDArray[np.float64]) -> float:
    count = len(alike)
    return float((alike.sum() - np.trace(alike)) / (count * (count - 1)))
