"""How sure a number is: an interval over folds, and one over resampled people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
REPLICATES = 2000
_BLOCK = 2**22
"""Numbers of draws held at a time."""
_ROUNDING = 1e-12

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


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


def over_groups(
    sums: Floats, statistic: Statistic, *, replicates: int = REPLICATES, seed: int = 0, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Return the ends of percentile intervals from drawing groups with replacement.

    Faces of one person are alike, so that people are drawn and not faces.

    Args:
        sums: G x M, what each group adds to the M sums that the statistic is a function of.
        statistic: of R x M sums, to R x K values.
        replicates: how often all G groups are drawn.
        seed: of the draws.
        level: of the intervals.

    Returns:
        K lower and K upper ends; NaN where the statistic has a value in no replicate, and with a single group, which
        says nothing of others.

    Source: Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979), the groups being the sample.
    """
    values = np.concatenate([statistic(drawn @ sums) for drawn in _draws(len(sums), replicates, seed)])
    ends = np.full((2, values.shape[1]), np.nan)
    for column in range(values.shape[1] if len(sums) > 1 else 0):
        if len(known := values[~np.isnan(values[:, column]), column]):
            ends[:, column] = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return ends[0], ends[1]


def as_ends(low: float, high: float) -> dict[str, float] | None:
    """Return the ends of an interval as JSON holds them; None where they are not known."""
    return {"low": low, "high": high} if low == low else None


def _draws(groups: int, replicates: int, seed: int) -> Iterator[Floats]:
    """Yield blocks of rows that say how often each group is drawn."""
    rng, block = np.random.default_rng(seed), max(1, _BLOCK // groups)
    for start in range(0, replicates, block):
        shares = np.full(groups, 1 / groups)
        yield rng.multinomial(groups, shares, min(block, replicates - start)).astype(np.float64)


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
