"""Agreement of two series: CCC, PCC, RMSE and SAGR.

Each measure is a function of sums over the rows. Sums add up over folds, subjects or videos, so one pass over the rows
serves the value itself and its interval. NaN marks a missing value; a row with a missing value does not count.

Sources:
    CCC: L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45 (1989), 255-268.
    SAGR: M. A. Nicolaou et al., "Continuous prediction of spontaneous affect from multiple cues and modalities in
    valence-arousal space", IEEE Transactions on Affective Computing 2 (2011), section 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fertools.statistics.jackknife import Scale
from fertools.statistics.sums import mean_of_known, positive_difference, ratio

Floats = NDArray[np.float64]

PAIR_SUMS = 6
"""Columns of `pair_terms`."""
AGREEMENT_SCALES: tuple[Scale, ...] = ("correlation", "correlation", "positive", "share")
"""The range of each measure of `agreement_of`."""


def pair_terms(first: Floats, second: Floats) -> Floats:
    """Return the terms of each row whose sums give CCC and PCC.

    Args:
        first: N values, NaN where one is missing.
        second: N values, NaN where one is missing.

    Returns:
        N x 6: 1 where both values are there, a, b, a·a, b·b and a·b; zeros for a row with a missing value.
    """
    both = np.isfinite(first) & np.isfinite(second)
    a, b = np.where(both, first, 0.0), np.where(both, second, 0.0)
    return np.stack([both.astype(np.float64), a, b, a * a, b * b, a * b], axis=-1)


def agreement_terms(estimates: Floats, truths: Floats) -> Floats:
    """Return the terms of each row whose sums give CCC, PCC, RMSE and SAGR.

    Returns:
        N x 8: the columns of `pair_terms`, the squared difference, and 1 where the signs are equal.
    """
    terms = pair_terms(estimates, truths)
    a, b = terms[:, 1], terms[:, 2]
    same_sign = (np.sign(a) == np.sign(b)) & (terms[:, 0] > 0)
    return np.column_stack([terms, (a - b) ** 2, same_sign])


def concordance_of(sums: Floats) -> Floats:
    """Return the concordance correlation coefficient from (..., 6) sums of `pair_terms`.

    It is Lin's equation 2 with moments over n; NaN with fewer than two rows, or where both sides are one constant.
    """
    mean_a, mean_b, variance_a, variance_b, covariance = _moments(sums)
    return ratio(2 * covariance, variance_a + variance_b + (mean_a - mean_b) ** 2)


def correlation_of(sums: Floats) -> Floats:
    """Return Pearson's correlation coefficient from (..., 6) sums of `pair_terms`; NaN where a side is constant."""
    _, _, variance_a, variance_b, covariance = _moments(sums)
    return ratio(covariance, np.sqrt(variance_a * variance_b))


def agreement_of(sums: Floats) -> Floats:
    """Return CCC, PCC, RMSE and SAGR, (..., 4), from (..., 8) sums of `agreement_terms`.

    CCC and PCC are 0 where they are undefined, because a constant prediction does not follow the truth.
    """
    pair, count = sums[..., :PAIR_SUMS], sums[..., 0]
    coefficients = (np.nan_to_num(concordance_of(pair)), np.nan_to_num(correlation_of(pair)))
    return np.stack([*coefficients, np.sqrt(ratio(sums[..., 6], count)), ratio(sums[..., 7], count)], axis=-1)


def concordance(first: ArrayLike, second: ArrayLike, *, undefined: float = np.nan) -> float:
    """Return the concordance correlation coefficient (CCC) of two series, in [-1, 1].

    Args:
        first: N values, NaN where one is missing.
        second: N values, NaN where one is missing.
        undefined: the result with fewer than two common rows, or where both sides are one constant.

    Example:
        >>> round(concordance([0.0, 0.5, 1.0], [0.0, 0.5, 0.5]), 4)
        0.6667
    """
    return float(np.nan_to_num(concordance_of(_centred_sums(first, second)), nan=undefined))


def correlation(first: ArrayLike, second: ArrayLike, *, undefined: float = np.nan) -> float:
    """Return Pearson's correlation coefficient (PCC) of two series, in [-1, 1].

    Args:
        first: N values, NaN where one is missing.
        second: N values, NaN where one is missing.
        undefined: the result with fewer than two common rows, or where a side is constant.
    """
    return float(np.nan_to_num(correlation_of(_centred_sums(first, second)), nan=undefined))


def root_mean_square_error(estimates: ArrayLike, truths: ArrayLike) -> float:
    """Return the root mean square error (RMSE) over the common rows; NaN without one."""
    return float(agreement_of(agreement_terms(*_series(estimates, truths)).sum(axis=0))[2])


def sign_agreement(estimates: ArrayLike, truths: ArrayLike) -> float:
    """Return the share of common rows whose signs (-, 0, +) are equal (SAGR); NaN without one."""
    return float(agreement_of(agreement_terms(*_series(estimates, truths)).sum(axis=0))[3])


def _moments(sums: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return both means, both variances and the covariance, NaN with fewer than two rows."""
    count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
    mean_a, mean_b = sums[..., 1] / count, sums[..., 2] / count
    variance_a, variance_b = (
        positive_difference(sums[..., 3] / count, mean_a**2),
        positive_difference(sums[..., 4] / count, mean_b**2),
    )
    # A constant side has no covariance; what the sums leave of it is rounding.
    varies = (variance_a > 0) & (variance_b > 0)
    covariance = np.where(varies, sums[..., 5] / count - mean_a * mean_b, 0.0)
    return mean_a, mean_b, variance_a, variance_b, covariance


def _centred_sums(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the sums of `pair_terms` after subtracting the common mean, so that squares keep their digits."""
    a, b = _series(first, second)
    middle = mean_of_known(np.stack([a, b]))
    return np.asarray(pair_terms(a - middle, b - middle).sum(axis=0), np.float64)


def _series(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"give two series of one length; their shapes are {a.shape} and {b.shape}")
    return a, b
