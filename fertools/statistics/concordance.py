"""Measures of agreement between estimated and true valence or arousal."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def concordance(estimates: ArrayLike, truths: ArrayLike) -> float:
    """Return the concordance correlation coefficient in [-1, 1]; 0 where either side is constant.

    Source: Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility" (1989), with population moments.

    Example:
        >>> concordance([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
        1.0
    """
    x, y = _pair(estimates, truths)
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return 0.0 if _constant(x, y) else float(2 * np.mean((x - x.mean()) * (y - y.mean())) / spread)


def correlation(estimates: ArrayLike, truths: ArrayLike) -> float:
    """Return Pearson's correlation coefficient; 0 where either side is constant."""
    x, y = _pair(estimates, truths)
    spread = np.sqrt(x.var() * y.var())
    return 0.0 if _constant(x, y) else float(np.mean((x - x.mean()) * (y - y.mean())) / spread)


def root_mean_square_error(estimates: ArrayLike, truths: ArrayLike) -> float:
    """Return the root of the mean squared difference."""
    x, y = _pair(estimates, truths)
    return float(np.sqrt(np.mean((x - y) ** 2)))


def sign_agreement(estimates: ArrayLike, truths: ArrayLike) -> float:
    """Return the share of values whose sign (-, 0, +) is right (SAGR).

    Source: Nicolaou et al., "Continuous Prediction of Spontaneous Affect" (2011), section 5.
    """
    x, y = _pair(estimates, truths)
    return float(np.mean(np.sign(x) == np.sign(y)))


def _constant(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Return whether either side is; by its range, since the variance of equal numbers need not round to 0."""
    return not (np.ptp(x) and np.ptp(y))


def _pair(estimates: ArrayLike, truths: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(estimates, np.float64), np.asarray(truths, np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"two equally long rows of numbers are needed, not shapes {x.shape} and {y.shape}")
    return x, y
