"""Measures of agreement between raters, each a function of sums over items.

Sums add up over videos, so one pass over the items serves the value itself and its interval over videos. Nan is
a value that was not given. What is undefined (no item in common, no variance at all) is nan, never 0 or 1.

Sources:
    CCC: L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45 (1989), 255-268.
    ICC: P. E. Shrout and J. L. Fleiss, "Intraclass correlations", Psychological Bulletin 86 (1979), 420-428; K. O.
    McGraw and S. P. Wong, "Forming inferences about some intraclass correlation coefficients", Psychological
    Methods 1 (1996), 30-46.
    Alpha: K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections C and D.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PAIR_SUMS = 6
"""Columns of `pair_terms`."""
ALPHA_SUMS = 4
"""Columns of `interval_terms`."""
ICC_NAMES = ("icc_2_1", "icc_2_k", "icc_3_k")


def pair_terms(first: Floats, second: Floats) -> Floats:
    """Return per item the terms whose sums give the CCC and PCC of two raters.

    Args:
        first: (n,) one rater's values, nan where there is none.
        second: (n,) the other's.

    Returns:
        (n, 6): whether both rated it, a, b, a a, b b, a b; zeros where one did not.
    """
    both = np.isfinite(first) & np.isfinite(second)
    a, b = np.where(both, first, 0.0), np.where(both, second, 0.0)
    return np.stack([both.astype(np.float64), a, b, a * a, b * b, a * b], axis=-1)


def concordance_of(sums: Floats) -> Floats:
    """Return Lin's concordance correlation coefficient (1989, equation 2, with moments over n) from (..., 6) sums."""
    mean_a, mean_b, var_a, var_b, covariance = _moments(sums)
    return _ratio(2 * covariance, var_a + var_b + (mean_a - mean_b) ** 2)


def correlation_of(sums: Floats) -> Floats:
    """Return Pearson's correlation coefficient from (..., 6) sums; nan where a rater gave one value throughout."""
    _, _, var_a, var_b, covariance = _moments(sums)
    return _ratio(covariance, np.sqrt(var_a * var_b))


def _moments(sums: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
    mean_a, mean_b = sums[..., 1] / count, sums[..., 2] / count
    var_a = _without_rounding(sums[..., 3] / count, mean_a**2)
    var_b = _without_rounding(sums[..., 4] / count, mean_b**2)
    return mean_a, mean_b, var_a, var_b, sums[..., 5] / count - mean_a * mean_b


def _without_rounding(square: Floats, mean_square: Floats) -> Floats:
    """Return `square - mean_square`, and 0 where it is no more than the rounding of the two."""
    difference = square - mean_square
    return np.where(difference > 1e-12 * np.abs(square), difference, np.where(np.isnan(difference), np.nan, 0.0))


def icc_terms(values: Floats) -> Floats:
    """Return per item the terms whose sums give the intraclass correlations.

    Args:
        values: (n, k) values of k raters; items that one of them did not rate do not count.

    Returns:
        (n, k + 3): whether all rated it, the k values, the sum of squares, the square of the item's mean.
    """
    whole: npt.NDArray[np.bool_] = np.all(np.isfinite(values), axis=1)
    x = np.where(whole[:, None], values, 0.0)
    return np.column_stack([whole, x, (x * x).sum(axis=1), x.mean(axis=1) ** 2])


def icc_of(sums: Floats) -> Floats:
    """Return ICC(2,1), ICC(2,k) and ICC(3,k) as (..., 3) from the sums of `icc_terms`.

    The mean squares of items, raters and residual are those of the two-way analysis of variance with one value per
    cell; the three are ICC(A,1), ICC(A,k) and ICC(C,k) in McGraw and Wong's naming (1996, table 4).
    """
    raters = sums.shape[-1] - 3
    count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
    grand = sums[..., 1:-2].sum(axis=-1) / (count * raters)
    correction = count * raters * grand**2
    total = _without_rounding(sums[..., -2], correction)
    items = _without_rounding(raters * sums[..., -1], correction)
    judges = (sums[..., 1:-2] ** 2).sum(axis=-1) / count - correction
    residual = _without_rounding(total, items + judges)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_items, mean_judges = items / (count - 1), judges / (raters - 1)
        mean_residual = residual / ((count - 1) * (raters - 1))
    excess = mean_items - mean_residual
    single = _ratio(excess, mean_items + (raters - 1) * mean_residual + raters * (mean_judges - mean_residual) / count)
    average = _ratio(excess, mean_items + (mean_judges - mean_residual) / count)
    return np.stack([single, average, _ratio(excess, mean_items)], axis=-1)


def interval_terms(values: Floats) -> Floats:
    """Return per item the terms whose sums give Krippendorff's alpha for interval data.

    Args:
        values: (n, k), nan where a rater gave none; items with fewer than two values do not count.

    Returns:
        (n, 4): values m, their sum, their sum of squares, and the sum over all ordered pairs of squared differences
        divided by m - 1.
    """
    given = np.isfinite(values)
    m = given.sum(axis=1).astype(np.float64)
    x = np.where(given, values, 0.0)
    total, squares = x.sum(axis=1), (x * x).sum(axis=1)
    observed = 2 * np.maximum(m * squares - total**2, 0) / np.maximum(m - 1, 1)
    return np.where((m > 1)[:, None], np.column_stack([m, total, squares, observed]), 0.0)


def alpha_interval_of(sums: Floats) -> Floats:
    """Return alpha = 1 - Do / De with squared differences from (..., 4) sums of `interval_terms`."""
    count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
    expected = 2 * _without_rounding(count * sums[..., 2], sums[..., 1] ** 2) / (count - 1)
    return 1 - _ratio(sums[..., 3], expected)


def nominal_terms(codes: Integers, labels: int) -> Floats:
    """Return per item the terms whose sums give Krippendorff's alpha for nominal data.

    Args:
        codes: (n, k) numbers of labels, -1 where a rater gave none; items with fewer than two do not count.
        labels: how many labels there are.

    Returns:
        (n, labels + 1): how often each label was given, and the number of ordered pairs that differ divided by m - 1.
    """
    counts = np.stack([(codes == label).sum(axis=1) for label in range(labels)], axis=1).astype(np.float64)
    m = counts.sum(axis=1)
    observed = (m**2 - (counts**2).sum(axis=1)) / np.maximum(m - 1, 1)
    return np.where((m > 1)[:, None], np.column_stack([counts, observed]), 0.0)


def alpha_nominal_of(sums: Floats) -> Floats:
    """Return alpha = 1 - Do / De from (..., labels + 1) sums of `nominal_terms`."""
    counts = sums[..., :-1]
    count = counts.sum(axis=-1)
    count = np.where(count > 1, count, np.nan)
    return 1 - _ratio(sums[..., -1], (count**2 - (counts**2).sum(axis=-1)) / (count - 1))


def concordance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the CCC of two raters' values, (n,) each, over the items that both rated; nan if it is undefined.

    Example:
        >>> round(concordance([0.0, 0.5, 1.0], [0.0, 0.5, 0.5]), 4)
        0.6667
    """
    a, b, _ = _centred(first, second)
    return float(concordance_of(pair_terms(a, b).sum(axis=0)))


def correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the PCC of two raters' values, (n,) each, over the items that both rated; nan if it is undefined."""
    a, b, _ = _centred(first, second)
    return float(correlation_of(pair_terms(a, b).sum(axis=0)))


def intraclass(values: npt.ArrayLike) -> dict[str, float]:
    """Return ICC(2,1), ICC(2,k) and ICC(3,k) by the names of ICC_NAMES, of (n, k) values, over complete items."""
    (x,) = (np.asarray(values, np.float64),)
    found = icc_of(icc_terms(x - _middle(x)).sum(axis=0))
    return dict(zip(ICC_NAMES, found.tolist(), strict=True))


def alpha_interval(values: npt.ArrayLike) -> float:
    """Return Krippendorff's alpha for interval data, of (n, k) values with nan where there is none."""
    x = np.asarray(values, np.float64)
    return float(alpha_interval_of(interval_terms(x - _middle(x)).sum(axis=0)))


def alpha_nominal(codes: npt.ArrayLike) -> float:
    """Return Krippendorff's alpha for nominal data, of (n, k) numbers of labels from 0, -1 where there is none."""
    numbers = np.asarray(codes, np.int64)
    return float(alpha_nominal_of(nominal_terms(numbers, int(numbers.max(initial=-1)) + 1).sum(axis=0)))


def _centred(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats, float]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    middle = _middle(np.stack([a, b]))
    return a - middle, b - middle, middle


def _middle(values: Floats) -> float:
    """Return the mean of what was given, which is taken off before squaring so that sums keep their digits."""
    given = np.isfinite(values)
    return float(values[given].mean()) if given.any() else 0.0


def _ratio(over: Any, under: Any) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(under) > 0, over / under, np.nan)
