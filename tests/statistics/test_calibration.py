"""Calibration against scikit-learn, and against cases done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from fertools.statistics.calibration import (
    brier_score,
    calibration_error,
    negative_log_likelihood,
    reliability,
)


def guesses(seed: int, count: int = 300, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, count), rng.dirichlet(np.ones(classes) * 0.5, count)


@given(st.integers(0, 10_000))
def test_bins_are_those_of_scikit_learns_curve(seed: int) -> None:
    labels, probabilities = guesses(seed)
    bins = reliability(labels, probabilities, 15)
    right = probabilities.argmax(axis=1) == labels
    shares, confidences = calibration_curve(right, probabilities.max(axis=1), n_bins=15)
    filled = [entry for entry in bins if entry.faces]
    assert [entry.accuracy for entry in filled] == pytest.approx(shares.tolist())
    assert [entry.confidence for entry in filled] == pytest.approx(confidences.tolist())
    assert sum(entry.faces for entry in bins) == len(labels)


@given(st.integers(0, 10_000))
def test_likelihood_and_brier_are_scikit_learns(seed: int) -> None:
    labels, probabilities = guesses(seed)
    # Away from 0, where the two cut off differently.
    smoothed = 0.99 * probabilities + 0.0025
    assert negative_log_likelihood(labels, smoothed) == pytest.approx(
        metrics.log_loss(labels, smoothed, labels=range(4))
    )
    assert brier_score(labels, probabilities) == pytest.approx(
        metrics.brier_score_loss(labels, probabilities, labels=range(4), scale_by_half=False)
    )


def test_an_error_done_by_hand() -> None:
    # Two faces at 0.9, one of them right: |0.5 - 0.9|. Two at 0.6, both right: |1 - 0.6|.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    labels = np.array([0, 1, 1, 1])
    assert calibration_error(reliability(labels, probabilities)) == pytest.approx(0.4)


def test_ends_of_bins_belong_to_the_lower_one() -> None:
    bins = reliability(np.array([0, 0]), np.array([[1.0, 0.0], [0.8, 0.2]]), 5)
    assert [entry.faces for entry in bins] == [0, 0, 0, 1, 1]


def test_certainty_of_what_is_wrong_is_dear_and_not_infinite() -> None:
    assert negative_log_likelihood(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-math.log(1e-7))
    assert negative_log_likelihood(np.array([1]), np.array([[0.25] * 4])) == pytest.approx(math.log(4))
