"""Tests of whether one run is better than another by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.intervals import LEVEL, t_quantile


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two runs on the same faces.

    Attributes:
        first_only: number of faces that only the first run classified correctly.
        second_only: number of faces that only the second run classified correctly.
        p: exact two-sided p-value.
    """

    first_only: int
    second_only: int
    p: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Return McNemar's exact test of whether two runs are correct equally often.

    The test assumes independent faces. Several faces of one subject are not independent, so its p-value is too small.

    Args:
        first_right: N, True where the first run is correct.
        second_right: N, True where the second run is correct.

    Source: McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions" (1947), with the
    binomial distribution in place of its approximation.
    """
    from scipy import stats

    first, second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    p = float(stats.binomtest(first, first + second).pvalue) if first + second else 1.0
    return McNemar(first, second, p)


@dataclass(frozen=True)
class PairedTest:
    """A paired t test of two runs over folds.

    Attributes:
        mean: mean difference, first minus second.
        low: lower end of the interval of the mean.
        high: upper end of the interval of the mean.
        t: t statistic; infinite if all folds have the same difference.
        p: two-sided p-value with K - 1 degrees of freedom.
        folds: number K of folds.
    """

    mean: float
    low: float
    high: float
    t: float
    p: float
    folds: int


def corrected_paired_test(
    differences: Sequence[float], tested_per_trained: float, level: float = LEVEL
) -> PairedTest | None:
    """Return the corrected resampled t test of a mean difference, or None with fewer than two folds.

    The training sets of folds overlap, so the folds' results are correlated. The test therefore takes
    (1 / K + n_test / n_train) · s² as the variance of the mean, in place of s² / K.

    Args:
        differences: first minus second, one value per fold.
        tested_per_trained: n_test / n_train, which is 1 / (K - 1) for K equal folds.
        level: confidence level of the interval.

    Source: Nadeau and Bengio, "Inference for the Generalization Error" (2003), section 4.
    """
    from scipy import stats

    values = np.asarray(differences, np.float64)
    count = len(values)
    if count < 2:
        return None
    mean = float(values.mean())
    error = float(np.sqrt((1 / count + tested_per_trained) * values.var(ddof=1)))
    t = mean / error if error else float(np.copysign(np.inf, mean)) if mean else 0.0
    half_width = t_quantile(count - 1, level) * error
    return PairedTest(mean, mean - half_width, mean + half_width, t, float(2 * stats.t.sf(abs(t), count - 1)), count)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple testing, in the order given.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, np.float64)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(value) for value in corrected]
