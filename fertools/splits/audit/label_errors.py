"""Likely label errors, from predictions of models that were not trained on the faces (confident learning).

The threshold of a class is the mean probability that faces with its label get for it. So a class that models are unsure
of has a low threshold. A face counts for a class if its probability reaches the threshold; of several such classes, for
the most probable one. A face that counts for another class than its label has a likely label error.

Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70, 2021,
equations 1 and 2, and the method "C_confusion" of section 3.2 on the confident joint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.cases import Cases
from fertools.splits.audit.coded_column import Integers

LEAST_FACES = 5
"""Least number of faces with a label for a threshold of its class."""
_NAMED = 3


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions of some rows.

    Attributes:
        classes: names of C classes.
        probabilities: (N, C) for each row; NaN for a row that no model was tested on.
        runs: names of the runs that they come from.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    runs: tuple[str, ...] = ()


def find_label_errors(table: AuditTable, predictions: Predictions) -> Iterator[Finding]:
    """Yield the rows whose label is likely wrong, the most certain first."""
    emotion = table.column("emotion")
    numbers = {name: number for number, name in enumerate(predictions.classes)}
    class_of = np.array([numbers.get(name, -1) for name in emotion.values.to_pylist()], np.int64)
    labels = np.where(emotion.known, np.append(class_of, -1)[emotion.codes], -1)
    rows = np.flatnonzero((labels >= 0) & np.isfinite(predictions.probabilities).all(axis=1))
    if not len(rows):
        return
    likely = likely_classes(labels[rows], predictions.probabilities[rows])
    wrong = np.flatnonzero((likely >= 0) & (likely != labels[rows]))
    if not len(wrong):
        return
    found = predictions.probabilities[rows[wrong]]
    margin = found[np.arange(len(wrong)), likely[wrong]] - found[np.arange(len(wrong)), labels[rows[wrong]]]
    order = np.argsort(-margin, kind="stable")
    names = predictions.classes
    # A model that seldom agrees is seldom right about errors, too.
    agreed = (predictions.probabilities[rows].argmax(axis=1) == labels[rows]).mean()
    kinds = Counter((names[labels[rows[one]]], names[likely[one]]) for one in wrong.tolist())
    said = ", ".join(f"{count:,} {old} that look like {new}" for (old, new), count in kinds.most_common(_NAMED))
    yield Finding(
        "label-error",
        "warning",
        f"labels that are likely wrong, of {len(rows):,} faces that a model was tested on (it agrees with {agreed:.0%})"
        f": {len(wrong):,} ({said})",
        Cases.each(rows[wrong[order]]),
    )


def likely_classes(labels: Integers, probabilities: NDArray[np.float64]) -> Integers:
    """Return (N,) the class that each face counts for; -1 for none.

    Args:
        labels: (N,) class of the label.
        probabilities: (N, C) out-of-fold probabilities.

    Example:
        >>> sure = np.array([[0.9, 0.1]] * 5 + [[0.2, 0.8]] * 6)
        >>> likely_classes(np.array([0] * 5 + [1] * 5 + [0]), sure).tolist()
        [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    """
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=probabilities[np.arange(len(labels)), labels], minlength=classes)
    thresholds = np.where(counts >= LEAST_FACES, sums / np.maximum(counts, 1), np.inf)
    # A class that all of its faces get with one probability would fail by rounding.
    reached = np.where(probabilities >= thresholds - 1e-9, probabilities, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)
