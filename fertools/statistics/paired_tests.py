"""Whether one run is better than another by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.jackknife import LEVEL


@dataclass(frozen=True)
class McNemar:
    """Decisions of two runs on the same faces.

    Attributes:
        first_only: faces that only the first had right.
        second_only: faces that only the second had right.
        p: two-sided, exact.
    """

    first_only: int
    second_only: int
    p: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Return McNemar's exact test of whether two runs are right equally often.

    It takes faces for independent, which several of one person are not.

    Source: McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions" (1947), with the
    binomial distribution in place of its approximation.
    """
    from scipy import stats

    first, second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    p = float(stats.binomtest(first, first + second).pvalue) if first + second else 1.0
    return McNemar(first, second, p)


@dataclass(frozen=True)
class PairedTest:
    """Differences of two runs, fold by fold.

    Attributes:
        mean: of first minus second.
        low: lower end of the mean's interval.
        high: its upper end.
        t: the statistic; infinite where the folds do not differ among themselves.
        p: two-sided, with K - 1 degrees of freedom.
        folds: K.
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

    Training parts of folds overlap, so that folds agree more than independent trials would. The variance of the mean is
    taken as (1 / K + n_test / n_train) · s² in place of s² / K.

    Args:
        differences: first minus second, one per fold.
        tested_per_trained: n_test / n_train; 1 / (K - 1) for K equal folds.
        level: of the interval.

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
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
    return PairedTest(mean, mean - reach, mean + reach, t, float(2 * stats.t.sf(abs(t), count - 1)), count)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for having made so many tests, in the order given.

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
