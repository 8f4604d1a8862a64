"""Smooth landmarks in time without lag, by local quadratic regression.

A detector locates the points in every frame independently. So the points jitter although the face does not move, and so
do crops aligned by them. A causal filter, such as the one-euro filter, trades jitter for lag. In a file, the frames
after a moment are known as well as those before it, so the fit follows the face.

Frames count by presentation time, so a variable frame rate is smoothed over the same duration. If at most three frames
are within that duration, the parabola passes through all of them and nothing is smoothed.

Every step is an addition, a multiplication, a division or a square root in a fixed order, without a linear-algebra
library. So the result is the same to the bit on every machine with IEEE 754 arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS, _CUT_OFF = 2, 3.0
"""Rounds of bisquare weights, and the distance from the fit, in medians, from which a moment has no weight. A face has
ten coordinates, whose joint distance varies little, so three medians are far."""

_COUNTED, _EXACT = 1e-6, 1e-9
"""Share of the largest weight from which a moment counts, and the relative distance that counts as zero."""


def smooth(
    times_s: NDArray[np.floating], points: NDArray[np.floating], at_s: float, half_width_s: float
) -> NDArray[np.float64]:
    """Return smoothed points at a moment, by local quadratic regression over the moments around it.

    Weights decrease with the distance in time by the tricube function, to zero at `half_width_s`. Moments whose points
    are far from the fit have less weight (bisquare function of their distance, in two rounds). So one frame with
    misplaced points does not affect its neighbours.

    Args:
        times_s: (n,) seconds, in any order; times further than `half_width_s` from `at_s` have no weight.
        points: (n, k, 2) x, y of k points at those times.
        at_s: one of `times_s`.
        half_width_s: half width of the window in seconds, above 0.

    Returns:
        (k, 2) float64.

    Source: Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", JASA 74(368), 1979, section 2.
    Here a parabola replaces the line, a duration replaces the number of neighbours, and all points of a moment share
    one weight.

    Example:
        >>> times_s = np.arange(-5, 6) / 25
        >>> steady = np.zeros((11, 5, 2)) + times_s[:, None, None] ** 2
        >>> bool(np.abs(smooth(times_s, steady, 0.0, 0.2)).max() < 1e-12)
        True
    """
    distance = (np.asarray(times_s, np.float64) - at_s) / half_width_s
    near = np.abs(distance) < 1
    distance = distance[near]
    values = np.asarray(points, np.float64)[near]
    flat = values.reshape(len(values), -1)
    far = np.abs(distance)
    rest = 1 - far * far * far
    closeness = rest * rest * rest
    # A line would jitter less, but would flatten the turning points of a shaken head.
    powers = np.stack([np.ones_like(distance), distance, distance * distance][: len(distance)], axis=1)
    fitted = _fit(powers, flat, closeness)
    for _ in range(_ROUNDS):
        residual = flat - sum(powers[:, place, None] * row for place, row in enumerate(fitted))
        away = np.sqrt((residual * residual).sum(axis=1))
        usual = _median(away)
        # A parabola through three moments or fewer fits all of them exactly, so the residuals mean nothing.
        if usual <= _EXACT * (1 + float(np.abs(flat).max())):
            break
        share = np.minimum(away / (_CUT_OFF * usual), 1)
        trust = 1 - share * share
        fitted = _fit(powers, flat, closeness * trust * trust)
    return np.asarray(fitted[0].reshape(values.shape[1:]), np.float64)


def _fit(powers: NDArray[np.float64], flat: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients (p, c) of weighted least squares.

    Args:
        powers: (n, p) powers of each moment's distance, from 0 on.
        flat: (n, c) numbers at each moment.
        weights: (n,) 0 or more.
    """
    counted = weights > _COUNTED * weights.max()
    moments = powers[counted, min(1, powers.shape[1] - 1)]
    if len(set(moments.tolist())) < powers.shape[1]:
        return _smallest_fit(powers[counted], flat[counted], weights[counted], moments)
    # The normal equations: sums over the first axis, which NumPy adds one after another.
    joined = np.concatenate([powers, flat], axis=1)
    return _solve(((powers * weights[:, None])[:, :, None] * joined[:, None, :]).sum(axis=0))


def _smallest_fit(
    powers: NDArray[np.float64], flat: NDArray[np.float64], weights: NDArray[np.float64], moments: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the smallest coefficients that fit too few moments exactly, after averaging equal moments by weight."""
    rows, means = [], []
    for moment in sorted(set(moments.tolist())):
        here = moments == moment
        rows.append(powers[here][0])
        share = weights[here][:, None]
        means.append((share * flat[here]).sum(axis=0) / share.sum(axis=0))
    few = np.array(rows)
    gram = (few[:, None, :] * few[None, :, :]).sum(axis=2)
    solved = _solve(np.concatenate([gram, np.array(means)], axis=1))
    return np.asarray((few[:, :, None] * solved[:, None, :]).sum(axis=0), np.float64)


def _solve(augmented: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution (p, c) of p linear equations with c right sides, (p, p + c), by Gauss-Jordan elimination."""
    count = len(augmented)
    rows = list(augmented)
    for place in range(count):
        best = max(range(place, count), key=lambda row: abs(float(rows[row][place])))
        rows[place], rows[best] = rows[best], rows[place]
        rows[place] = rows[place] / rows[place][place]
        for other in range(count):
            if other != place:
                rows[other] = rows[other] - rows[other][place] * rows[place]
    return np.array([row[count:] for row in rows])


def _median(values: NDArray[np.float64]) -> float:
    """Return the median; NumPy's own takes longer than a fit of so few numbers."""
    ordered = sorted(values.tolist())
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
