"""Split a track that shows two people: a tracker can move from one face to another that crosses it.

A track is split where the faces before and after look like two people, and the faces on each side like one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.faces.identity.embedder import Floats

_LEAST = 2
"""Least number of compared faces on each side: one face alone may be blurred or turned away."""
_GAP = 0.1
"""By how much faces on the same side must be more alike than faces across the cut."""


def find_cut(embeddings: Floats, stranger: float) -> int | None:
    """Return before which face a track changes its person; None if it shows one person.

    Args:
        embeddings: (N, D) embeddings of length 1 of faces of one track, in the order of time.
        stranger: cosine that most pairs of different people do not reach. Faces across the cut are on average below it.

    Example:
        >>> one, two = np.eye(2, dtype=np.float32)
        >>> find_cut(np.stack([one, one, one, two, two]), 0.5)
        3
    """
    count = len(embeddings)
    if count < 2 * _LEAST:
        return None
    alike = np.asarray(embeddings @ embeddings.T, np.float64)
    cuts = range(_LEAST, count - _LEAST + 1)
    cut = min(cuts, key=lambda place: float(alike[:place, place:].mean()))
    across = float(alike[:cut, cut:].mean())
    within = min(_mean_of_pairs(alike[:cut, :cut]), _mean_of_pairs(alike[cut:, cut:]))
    return cut if across < stranger and within > across + _GAP and within > stranger else None


def _mean_of_pairs(alike: NDArray[np.float64]) -> float:
    count = len(alike)
    return float((alike.sum() - np.trace(alike)) / (count * (count - 1)))
