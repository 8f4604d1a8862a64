"""Measures of a classifier's decisions, all of them from the confusion matrix.

Every function takes confusion matrices of the shape (..., C, C), counts or weights with true classes down and decisions
across, and works on each of them, so that a thousand resampled ones are one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def confusion_matrix(labels: NDArray[np.int64], decisions: NDArray[np.int64], classes: int) -> Floats:
    """Return the C x C counts of true class (down) and decision (across).

    Args:
        labels: N true classes from 0 to C - 1.
        decisions: as many.
        classes: C.
    """
    flat = np.bincount(labels * classes + decisions, minlength=classes * classes)
    counts: Floats = flat.reshape(classes, classes).astype(np.float64)
    return counts


def accuracy(confusion: Floats) -> Floats:
    """Return the share of right decisions; NaN where there are none."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def recall(confusion: Floats) -> Floats:
    """Return, for each class, the share of its faces that are found; NaN for a class without faces."""
    return _ratio(_right(confusion), confusion.sum(axis=-1))


def precision(confusion: Floats) -> Floats:
    """Return, for each class, the share of decisions for it that are right; 0 for a class never decided for."""
    return np.nan_to_num(_ratio(_right(confusion), confusion.sum(axis=-2)))


def f1(confusion: Floats) -> Floats:
    """Return the harmonic mean of precision and recall of each class; NaN for one that is neither true nor decided."""
    return _ratio(2 * _right(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def balanced_accuracy(confusion: Floats) -> Floats:
    """Return the unweighted mean of the recalls of the classes that have faces (UAR)."""
    return _mean_of_known(recall(confusion))


def macro_f1(confusion: Floats) -> Floats:
    """Return the unweighted mean of the F1 of the classes that are true or decided somewhere."""
    return _mean_of_known(f1(confusion))


def _right(confusion: Floats) -> Floats:
    right: Floats = np.diagonal(confusion, axis1=-2, axis2=-1)
    return right


def _ratio(above: Floats, below: Floats) -> Floats:
    filled = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=filled, where=np.asarray(below) > 0)
    return filled


def _mean_of_known(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
