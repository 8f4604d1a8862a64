"""Receiver operating characteristic (ROC) curves and the area under them (AUC)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def roc_curve(truths: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Return the false and true positive rates at every threshold, from (0, 0) to (1, 1).

    Faces with equal scores share a threshold, so the order of faces does not matter.

    Args:
        truths: N, with at least one True and one False.
        scores: N numbers; a larger score means True is more likely.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(truths[order])[last]
    misses = last + 1 - hits
    return np.append(0.0, misses / misses[-1]), np.append(0.0, hits / hits[-1])


def area(across: Floats, up: Floats) -> float:
    """Return the area under a curve by the trapezoidal rule."""
    return float(np.trapezoid(up, across))


def one_against_rest(labels: NDArray[np.int64], probabilities: Floats) -> dict[int, tuple[Floats, Floats]]:
    """Return the one-against-rest curve of each class that has faces but not all of them, by class number.

    Args:
        labels: N true classes.
        probabilities: N x C.
    """
    truths = labels[:, None] == np.arange(probabilities.shape[1])
    possible = [index for index in range(truths.shape[1]) if 0 < truths[:, index].sum() < len(labels)]
    return {index: roc_curve(truths[:, index], probabilities[:, index]) for index in possible}


def micro_curve(labels: NDArray[np.int64], probabilities: Floats) -> tuple[Floats, Floats]:
    """Return the micro-averaged curve: all pairs of a face and a class pooled."""
    truths = labels[:, None] == np.arange(probabilities.shape[1])
    return roc_curve(truths.ravel(), probabilities.ravel())


def macro_curve(curves: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return the macro-averaged curve: the mean true positive rate of several curves at each false positive rate.

    Its area is the mean of their areas.

    Example:
        >>> perfect, chance = (np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])), (np.arange(2.0), np.arange(2.0))
        >>> across, up = macro_curve([perfect, chance])
        >>> across.tolist(), up.tolist(), area(across, up)
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 1.0, 1.0], 0.75)
    """
    rates = np.unique(np.concatenate([across for across, _ in curves]))
    # A curve may rise at one rate, where it has a value before and one after.
    ends = [np.mean([_value(*curve, rates, after=after) for curve in curves], axis=0) for after in (False, True)]
    return np.repeat(rates, 2), np.stack(ends, axis=1).ravel()


def _value(across: Floats, up: Floats, rates: Floats, *, after: bool) -> Floats:
    """Return the height of a curve at some rates; where it rises at a rate, that before or after the rise."""
    side: Literal["left", "right"] = "right" if after else "left"
    exact = np.searchsorted(across, rates, side=side) - (1 if after else 0)
    found = across[exact] == rates
    values: Floats = np.where(found, up[exact], np.interp(rates, across, up))
    return values


def thinned(across: Floats, up: Floats, points: int = 200) -> tuple[Floats, Floats]:
    """Return the curve reduced to at most `points` points that look the same when drawn."""
    if len(across) <= points:
        return across, up
    # Points are evenly spaced along the curve, because steep parts show as much as flat ones.
    length = np.append(0.0, np.cumsum(np.hypot(np.diff(across), np.diff(up))))
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)).clip(0, len(across) - 1))
    kept = np.union1d(kept, [0, len(across) - 1])
    return across[kept], up[kept]
