"""Confident learning, held to values that were computed by hand, and to labels that were flipped on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import make_table
from fertools.splits.audit.label_errors import Predictions, find_label_errors, likely_classes

CLASSES = ("anger", "fear", "joy")


def test_classes_are_those_of_a_computation_by_hand() -> None:
    # The means of each class for its own label are 0.7, 0.5 and 0.62.
    probabilities = np.array(
        [
            *([0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.5, 0.0]),
            *([0.2, 0.6, 0.2], [0.1, 0.6, 0.3], [0.0, 0.4, 0.6], [0.2, 0.5, 0.3], [0.6, 0.4, 0.0]),
            *([0.0, 0.0, 1.0], [0.1, 0.0, 0.9], [0.0, 0.2, 0.8], [0.7, 0.1, 0.2], [0.3, 0.5, 0.2]),
        ]
    )
    labels = np.arange(3).repeat(5)
    likely = [0, 0, 0, -1, 1, 1, 1, -1, 1, -1, 2, 2, 2, 0, 1]
    assert likely_classes(labels, probabilities).tolist() == likely


def _find(labels: list[str | None], probabilities: NDArray[np.float64]) -> list[Finding]:
    names = [str(row) for row in range(len(labels))]
    table = make_table(names, ["train"] * len(names), {"emotion": labels}, origin=Path("t.csv"))
    return list(find_label_errors(table, Predictions(CLASSES, probabilities)))


def test_flipped_labels_are_found_and_others_are_not() -> None:
    random, found_again = np.random.default_rng(0), 0
    for _ in range(30):
        truth = random.integers(3, size=120)
        probabilities = 0.1 + 0.05 * random.random((120, 3))
        probabilities[np.arange(120), truth] += 1
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        labels: list[str | None] = [CLASSES[one] for one in truth]
        # A sure model and right labels: whatever is just below or above its threshold, the class is the label's.
        assert _find(labels, probabilities) == []
        flipped = random.choice(120, 6, replace=False)
        for row in flipped:
            labels[row] = CLASSES[(truth[row] + 1) % 3]
        untested, unlabelled = random.choice(np.setdiff1d(np.arange(120), flipped), 2, replace=False)
        probabilities[untested], labels[unlabelled] = np.nan, None
        (found,) = _find(labels, probabilities)
        assert {row for (row,) in found.groups} <= set(flipped.tolist())
        assert "of 118 faces that a model was tested on (it agrees with 95%)" in found.message
        found_again += len(found.groups)
    # A face that is a little less probable than the mean of its class does not count.
    assert found_again > 0.9 * 30 * 6


def test_labels_that_no_model_knows_are_passed_over() -> None:
    assert _find(["contempt"] * 10, np.full((10, 3), 1 / 3)) == []
