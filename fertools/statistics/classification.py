"""Classification metrics, all computed from confusion matrices.

Every function takes an array of confusion matrices, (..., C, C): counts or weights, with a row per true class and a
column per predicted class. One call handles a thousand resampled matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.sums import ratio

Floats = NDArray[np.float64]


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Floats:
    """Return the C x C counts of true class (rows) and predicted class (columns).

    Args:
        labels: N true classes from 0 to C - 1.
        predicted: N predicted classes from 0 to C - 1.
        classes: number C of classes.
    """
    flat = np.bincount(labels * classes + predicted, minlength=classes * classes)
    counts: Floats = flat.reshape(classes, classes).astype(np.float64)
    return counts


def accuracy(confusion: Floats) -> Floats:
    """Return the share of correct predictions; NaN for an empty matrix."""
    return ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def recall(confusion: Floats) -> Floats:
    """Return the recall of each class, (..., C); NaN for a class without faces."""
    return ratio(_right(confusion), confusion.sum(axis=-1))


def precision(confusion: Floats) -> Floats:
    """Return the precision of each class, (..., C); 0 for a class that is never predicted."""
    return np.nan_to_num(ratio(_right(confusion), confusion.sum(axis=-2)))


def f1(confusion: Floats) -> Floats:
    """Return the F1 of each class, (..., C); NaN for a class that is neither true nor predicted."""
    return ratio(2 * _right(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def balanced_accuracy(confusion: Floats) -> Floats:
    """Return the balanced accuracy (unweighted average recall, UAR) over the classes that have faces."""
    return _mean_of_known(recall(confusion))


def macro_f1(confusion: Floats) -> Floats:
    """Return the unweighted mean F1 over the classes that are true or predicted somewhere."""
    return _mean_of_known(f1(confusion))


def _right(confusion: Floats) -> Floats:
    right: Floats = np.diagonal(confusion, axis1=-2, axis2=-1)
    return right


def _mean_of_known(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
