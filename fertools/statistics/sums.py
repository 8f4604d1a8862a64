"""Building blocks of statistics that are computed from sums: ratios, variances, and sums per group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
"""A difference of two nearly equal sums that is smaller than this share of them is rounding."""


def ratio(numerator: Any, denominator: Any) -> Floats:
    """Return `numerator / denominator`, NaN where the denominator is not above 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(denominator) > 0, numerator / denominator, np.nan)


def positive_difference(larger: Floats, smaller: Floats) -> Floats:
    """Return `larger - smaller`, and exactly 0 where the difference is only rounding.

    A variance computed as the mean of squares minus the squared mean needs this: for equal numbers it is rarely 0.
    """
    difference = larger - smaller
    kept = difference > _ROUNDING * np.abs(larger)
    return np.where(kept, difference, np.where(np.isnan(difference), np.nan, 0.0))


def mean_of_known(values: Floats) -> float:
    """Return the mean of the values that are not missing, 0 if all are."""
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else 0.0


def group_sums(codes: NDArray[np.int64], values: Floats) -> Floats:
    """Return the column sums of each group of rows, G x M; zeros for a group without rows.

    Args:
        codes: N group numbers from 0 to G - 1.
        values: N x M.

    Example:
        >>> group_sums(np.array([1, 0, 1]), np.array([[1.0], [2.0], [4.0]])).tolist()
        [[2.0], [5.0]]
    """
    sums = np.zeros((int(codes.max()) + 1, values.shape[1]))
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    sums[present] = np.add.reduceat(values[order], starts, axis=0)
    return sums
