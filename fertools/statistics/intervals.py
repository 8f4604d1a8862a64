"""How sure a number is: an interval over folds, and the sums over people that others are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.jackknife import LEVEL, Ends, Scale

_ROUNDING = 1e-12

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over folds with its interval.

    Attributes:
        mean: of the folds' values.
        low: lower end; None with fewer than two folds, which say nothing of their spread.
        high: upper end.
        sd: standard deviation of one fold (n - 1); None likewise.
        folds: how many values there are.
    """

    mean: float
    low: float | None
    high: float | None
    sd: float | None
    folds: int


def over_folds(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Return mean ± t · s / √K over the values that are known, or None if none is.

    Args:
        values: one per fold; NaN where a fold has none.
        level: of the interval.

    Example:
        >>> interval = over_folds([0.4, 0.5, 0.6])
        >>> round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3)
        (0.5, 0.252, 0.748)
    """
    from scipy import stats

    known = np.asarray([value for value in values if value == value], np.float64)
    if not len(known):
        return None
    mean = float(known.mean())
    if len(known) == 1:
        return Interval(mean, None, None, None, 1)
    sd = float(known.std(ddof=1))
    reach = float(stats.t.ppf((1 + level) / 2, len(known) - 1)) * sd / len(known) ** 0.5
    return Interval(mean, mean - reach, mean + reach, sd, len(known))


def as_ends(ends: Ends | None) -> dict[str, float] | None:
    """Return an interval as JSON holds it."""
    return asdict(ends) if ends else None


def group_sums(codes: NDArray[np.int64], values: Floats) -> Floats:
    """Return G x M sums over the rows of each group.

    Args:
        codes: N groups from 0 to G - 1.
        values: N x M.
    """
    sums = np.zeros((int(codes.max()) + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def agreement_terms(estimates: Floats, truths: Floats) -> Floats:
    """Return N x 8 terms whose sums give the measures of `agreement`."""
    x, y = estimates, truths
    return np.stack(
        [np.ones_like(x), x, y, x * x, y * y, x * y, (x - y) ** 2, (np.sign(x) == np.sign(y)).astype(float)], axis=1
    )


AGREEMENT_SCALES: tuple[Scale, ...] = ("correlation", "correlation", "positive", "share")
"""Between which bounds the measures of `agreement` lie."""


def agreement(sums: Floats) -> Floats:
    """Return CCC, PCC, RMSE and SAGR, R x 4, of R x 8 sums of `agreement_terms`."""
    count = sums[:, 0]
    x, y, xx, yy, xy, square, sign = (sums[:, index] / count for index in range(1, 8))
    spread_x, spread_y, shared = (np.maximum(xx - x * x, 0), np.maximum(yy - y * y, 0), xy - x * y)
    # What is left of a difference of nearly equal sums is rounding: such a side counts as constant.
    varies = (spread_x > _ROUNDING * xx) & (spread_y > _ROUNDING * yy)

    def ratio(above: Floats, below: Floats) -> Floats:
        return np.divide(above, below, out=np.zeros_like(above), where=varies)

    concordance = ratio(2 * shared, spread_x + spread_y + (x - y) ** 2)
    correlation = ratio(shared, np.sqrt(spread_x * spread_y))
    return np.stack([concordance, correlation, np.sqrt(square), sign], axis=1)
