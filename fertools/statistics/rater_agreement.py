"""Agreement of several raters: intraclass correlations and Krippendorff's alpha.

Each measure is a function of sums over items. Sums add up over videos, so one pass over the items serves the value
itself and its interval over videos. NaN marks a missing rating. An undefined measure (no common item, no variance at
all) is NaN, never 0 or 1. The agreement of two raters is in `fertools.statistics.concordance`.

Sources:
    ICC: P. E. Shrout and J. L. Fleiss, "Intraclass correlations", Psychological Bulletin 86 (1979), 420-428; K. O.
    McGraw and S. P. Wong, "Forming inferences about some intraclass correlation coefficients", Psychological
    Methods 1 (1996), 30-46.
    Alpha: K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections C and D.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fertools.statistics.sums import mean_of_known, positive_difference, ratio

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ICC_NAMES = ("icc_2_1", "icc_2_k", "icc_3_k")


def icc_terms(values: Floats) -> Floats:
    """Return the terms of each item whose sums give the intraclass correlations.

    Args:
        values: N x K ratings of N items by K raters, NaN where one is missing. Only items that all raters rated count.

    Returns:
        N x (K + 3): 1 where all rated the item, the K values, the sum of their squares, and the square of their mean.
    """
    complete: npt.NDArray[np.bool_] = np.all(np.isfinite(values), axis=1)
    x = np.where(complete[:, None], values, 0.0)
    return np.column_stack([complete, x, (x * x).sum(axis=1), x.mean(axis=1) ** 2])


def icc_of(sums: Floats) -> Floats:
    """Return ICC(2,1), ICC(2,k) and ICC(3,k), (..., 3), from (..., K + 3) sums of `icc_terms`.

    The mean squares are those of a two-way analysis of variance with one value per cell. McGraw and Wong (1996,
    table 4) call the three ICC(A,1), ICC(A,k) and ICC(C,k).
    """
    raters = sums.shape[-1] - 3
    count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
    grand = sums[..., 1:-2].sum(axis=-1) / (count * raters)
    correction = count * raters * grand**2
    total = positive_difference(sums[..., -2], correction)
    items = positive_difference(raters * sums[..., -1], correction)
    between_raters = (sums[..., 1:-2] ** 2).sum(axis=-1) / count - correction
    residual = positive_difference(total, items + between_raters)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_items, mean_raters = items / (count - 1), between_raters / (raters - 1)
        mean_residual = residual / ((count - 1) * (raters - 1))
    excess = mean_items - mean_residual
    single = ratio(excess, mean_items + (raters - 1) * mean_residual + raters * (mean_raters - mean_residual) / count)
    average = ratio(excess, mean_items + (mean_raters - mean_residual) / count)
    return np.stack([single, average, ratio(excess, mean_items)], axis=-1)


def interval_terms(values: Floats) -> Floats:
    """Return the terms of each item whose sums give Krippendorff's alpha for interval data.

    Args:
        values: N x K ratings, NaN where one is missing. Items with fewer than two ratings do not count.

    Returns:
        N x 4: the number m of ratings, their sum, their sum of squares, and the sum of squared differences over all
        ordered pairs, divided by m - 1.
    """
    given = np.isfinite(values)
    m = given.sum(axis=1).astype(np.float64)
    x = np.where(given, values, 0.0)
    total, squares = x.sum(axis=1), (x * x).sum(axis=1)
    observed = 2 * np.maximum(m * squares - total**2, 0) / np.maximum(m - 1, 1)
    return np.where((m > 1)[:, None], np.column_stack([m, total, squares, observed]), 0.0)


def alpha_interval_of(sums: Floats) -> Floats:
    """Return alpha = 1 - Do / De for squared differences, from (..., 4) sums of `interval_terms`."""
    count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
    expected = 2 * positive_difference(count * sums[..., 2], sums[..., 1] ** 2) / (count - 1)
    return 1 - ratio(sums[..., 3], expected)


def nominal_terms(codes: Integers, labels: int) -> Floats:
    """Return the terms of each item whose sums give Krippendorff's alpha for nominal data.

    Args:
        codes: N x K label numbers, -1 where one is missing. Items with fewer than two labels do not count.
        labels: the number L of labels.

    Returns:
        N x (L + 1): the count of each label, and the number of ordered pairs with different labels divided by m - 1,
        where m is the number of labels given to the item.
    """
    counts = np.stack([(codes == label).sum(axis=1) for label in range(labels)], axis=1).astype(np.float64)
    m = counts.sum(axis=1)
    observed = (m**2 - (counts**2).sum(axis=1)) / np.maximum(m - 1, 1)
    return np.where((m > 1)[:, None], np.column_stack([counts, observed]), 0.0)


def alpha_nominal_of(sums: Floats) -> Floats:
    """Return alpha = 1 - Do / De, from (..., L + 1) sums of `nominal_terms`."""
    counts = sums[..., :-1]
    count = counts.sum(axis=-1)
    count = np.where(count > 1, count, np.nan)
    return 1 - ratio(sums[..., -1], (count**2 - (counts**2).sum(axis=-1)) / (count - 1))


def intraclass(values: npt.ArrayLike) -> dict[str, float]:
    """Return ICC(2,1), ICC(2,k) and ICC(3,k) of N x K ratings by the names of ICC_NAMES.

    Only items that all raters rated count.

    Example:
        >>> round(intraclass([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6]])["icc_3_k"], 3)
        0.875
    """
    x = np.asarray(values, np.float64)
    found = icc_of(icc_terms(x - mean_of_known(x)).sum(axis=0))
    return dict(zip(ICC_NAMES, found.tolist(), strict=True))


def alpha_interval(values: npt.ArrayLike) -> float:
    """Return Krippendorff's alpha for interval data of N x K ratings, NaN where one is missing."""
    x = np.asarray(values, np.float64)
    return float(alpha_interval_of(interval_terms(x - mean_of_known(x)).sum(axis=0)))


def alpha_nominal(codes: npt.ArrayLike) -> float:
    """Return Krippendorff's alpha for nominal data of N x K label numbers, -1 where one is missing."""
    numbers = np.asarray(codes, np.int64)
    return float(alpha_nominal_of(nominal_terms(numbers, int(numbers.max(initial=-1)) + 1).sum(axis=0)))
