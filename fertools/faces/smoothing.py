"""Landmarks made steady in time, without lag: at each moment a parabola through the moments around it.

A detector places the points of every frame anew, so they tremble though the face does not, and crops aligned by them
tremble too. A filter that looks back alone, such as the one-euro filter, is made for pictures that must be shown at
once: it trades the trembling for a lag, and a face that moves lies beside its crop. A file has no such haste, so the
frames after count as much as those before, and what is fitted moves with the face.

Frames count by their presentation times, so a varying frame rate is smoothed over the same stretch of time. Where
frames are so far apart that no more than three lie within that stretch, nothing is smoothed: the parabola then goes
through all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn.native.library import library

_DEGREE = 2
"""A line would be steadier still, and cuts the turning points off a head that is shaken: at two turns a second it was
further from the truth than no smoothing."""

_ROUNDS, _CUT_OFF = 2, 3.0
"""How often moments are weighed by how far they lie from the fit, and from how many medians they count nothing. A face
has ten numbers, whose common distance varies little, so three medians are far."""

_COUNTED, _EXACT = 1e-6, 1e-9
"""Share of the largest weight from which a moment counts, and distance, as a share of the numbers, that is none."""

BOUNDS = np.array([_ROUNDS, _CUT_OFF, _COUNTED, _EXACT], np.float64)
"""The same for compiled code."""


def smooth(
    times_s: NDArray[np.floating], points: NDArray[np.floating], at_s: float, half_width_s: float
) -> NDArray[np.float64]:
    """Return where points were at a moment, by local quadratic regression over the moments around it.

    Weights fall with the distance in time by the tricube function to zero at `half_width_s`. Moments whose points lie
    far from the fit count less (bisquare function of their distance, in two rounds), so that one frame whose points
    have jumped does not pull its neighbours along.

    Args:
        times_s: (n,) seconds, in any order; those further than `half_width_s` from `at_s` count nothing.
        points: (n, k, 2) x, y of k points at those times.
        at_s: one of `times_s`.
        half_width_s: above 0.

    Returns:
        (k, 2) float64.

    Source: Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", JASA 74(368), 1979: section 2,
    with a parabola for the line, a stretch of time for the number of neighbours, and each moment weighed by all of its
    points together.

    Example:
        >>> times_s = np.arange(-5, 6) / 25
        >>> steady = np.zeros((11, 5, 2)) + times_s[:, None, None] ** 2
        >>> bool(np.abs(smooth(times_s, steady, 0.0, 0.2)).max() < 1e-12)
        True
    """
    compiled = library()
    if compiled is not None and (fitted := compiled.smooth(times_s, points, at_s, half_width_s, BOUNDS)) is not None:
        return fitted
    distance = (np.asarray(times_s, np.float64) - at_s) / half_width_s
    near = np.abs(distance) < 1
    distance = distance[near]
    values = np.asarray(points, np.float64)[near]
    flat = values.reshape(len(values), -1)
    closeness = (1 - np.abs(distance) ** 3) ** 3
    powers = np.stack([np.ones_like(distance), distance, distance**2][: len(distance)], axis=1)
    fitted = _fit(powers, flat, closeness)
    for _ in range(_ROUNDS):
        rest = flat - powers @ fitted
        away = np.sqrt((rest * rest).sum(axis=1))
        usual = _median(away)
        # A parabola through so few moments fits all of them, and so says nothing about any.
        if usual <= _EXACT * (1 + float(np.abs(flat).max())):
            break
        trust = (1 - np.minimum(away / (_CUT_OFF * usual), 1) ** 2) ** 2
        fitted = _fit(powers, flat, closeness * trust)
    return np.asarray(fitted[0].reshape(values.shape[1:]), np.float64)


def _fit(powers: NDArray[np.float64], flat: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients of weighted least squares, (powers, columns of `flat`)."""
    counted = weights > _COUNTED * weights.max()
    if len(set(powers[counted, min(1, powers.shape[1] - 1)].tolist())) < powers.shape[1]:
        # Too few different moments are left for a parabola; the least of those that fit them best.
        root = np.sqrt(weights)[:, None]
        return np.asarray(np.linalg.lstsq(powers * root, flat * root, rcond=None)[0], np.float64)
    # The normal equations of three unknowns, whose powers lie within -1 and 1: several times as fast.
    weighted = powers.T * weights
    return np.asarray(np.linalg.solve(weighted @ powers, weighted @ flat), np.float64)


def _median(values: NDArray[np.float64]) -> float:
    """Return the median; NumPy's own takes longer than a fit of so few numbers."""
    ordered = sorted(values.tolist())
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
