"""The numbers beside the figures of features and predictions."""

from __future__ import annotations

import numpy as np
import pytest

from fertools.training.systems.unpaired.feature_analysis import histogram_distance, modality_accuracy


def test_a_new_classifier_tells_what_differs_and_guesses_what_does_not() -> None:
    rng = np.random.default_rng(0)
    some, same, others = rng.normal(0, 1, (200, 8)), rng.normal(0, 1, (200, 8)), rng.normal(0, 1, (150, 8))
    others[:, 3] += 10
    assert modality_accuracy(some, others) == 1
    assert modality_accuracy(some, same) == pytest.approx(0.5, abs=0.1)
    assert modality_accuracy(some, same[:10]) == pytest.approx(0.5, abs=0.25), "groups weigh alike"


def test_a_classifier_is_tested_on_faces_that_it_has_not_seen() -> None:
    # With more features than faces, it would tell any two groups that it has seen apart.
    rng = np.random.default_rng(1)
    assert modality_accuracy(rng.normal(0, 1, (40, 200)), rng.normal(0, 1, (40, 200))) < 0.75


def test_histograms_are_compared_by_their_shares() -> None:
    low, high = np.full(10, 0.01), np.full(30, 0.99)
    assert histogram_distance(low, low[:3]) == 0
    assert histogram_distance(low, high) == 1
    assert histogram_distance(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == 0.5
