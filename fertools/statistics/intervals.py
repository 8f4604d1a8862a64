"""Confidence intervals of means by Student's t: over folds, and of a difference of two means.

Intervals of other measures over subjects or videos are in `fertools.statistics.jackknife`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Confidence level of every interval, unless a caller asks for another."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ConfidenceInterval:
    """A confidence interval over groups, such as subjects or videos.

    Attributes:
        low: lower end.
        high: upper end.
        groups: number of groups that the interval is computed from.
    """

    low: float
    high: float
    groups: int


@dataclass(frozen=True)
class FoldMean:
    """The mean of a measure over folds, with its interval.

    Attributes:
        mean: mean of the folds' values.
        low: lower end of the interval; None with fewer than two folds.
        high: upper end of the interval; None with fewer than two folds.
        sd: sample standard deviation of the folds' values (n - 1); None with fewer than two folds.
        folds: number of values.
    """

    mean: float
    low: float | None
    high: float | None
    sd: float | None
    folds: int


def t_quantile(degrees_of_freedom: int, level: float = LEVEL) -> float:
    """Return the factor of the standard error in a two-sided interval of Student's t.

    Example:
        >>> round(t_quantile(9), 3)
        2.262
    """
    from scipy import stats

    return float(stats.t.ppf((1 + level) / 2, degrees_of_freedom))


def mean_over_folds(values: Sequence[float], level: float = LEVEL) -> FoldMean | None:
    """Return mean ± t · s / √K over the K known values, or None without one.

    Args:
        values: one value per fold, NaN where a fold has none.
        level: confidence level of the interval.

    Example:
        >>> found = mean_over_folds([0.4, 0.5, 0.6])
        >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
        (0.5, 0.252, 0.748)
    """
    known = np.asarray([value for value in values if value == value], np.float64)
    if not len(known):
        return None
    mean = float(known.mean())
    if len(known) == 1:
        return FoldMean(mean, None, None, None, 1)
    sd = float(known.std(ddof=1))
    half_width = t_quantile(len(known) - 1, level) * sd / len(known) ** 0.5
    return FoldMean(mean, mean - half_width, mean + half_width, sd, len(known))


def mean_difference_interval(first: Floats, second: Floats, level: float = LEVEL) -> tuple[float, float] | None:
    """Return Welch's interval of the mean of `first` minus the mean of `second`, or None if neither varies.

    Source: B. L. Welch, "The generalization of Student's problem when several different population variances are
    involved", Biometrika 34 (1947), 28-35.
    """
    from scipy import stats

    if not (np.ptp(first) or np.ptp(second)):
        return None
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(level)
    return float(interval.low), float(interval.high)


def interval_as_json(interval: ConfidenceInterval | None) -> dict[str, float] | None:
    """Return an interval as a dictionary that JSON can hold, or None without one."""
    return asdict(interval) if interval else None
