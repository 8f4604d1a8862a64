"""The numbers beside the figures of features and predictions."""

from __future__ import annotations

import numpy as np

from fertools.training.systems.unpaired.feature_analysis import histogram_distance


def test_histograms_are_compared_by_their_shares() -> None:
    low, high = np.full(10, 0.01), np.full(30, 0.99)
    assert histogram_distance(low, low[:3]) == 0
    assert histogram_distance(low, high) == 1
    assert histogram_distance(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == 0.5
