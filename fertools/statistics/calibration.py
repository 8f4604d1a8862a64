"""Calibration of class probabilities: reliability, calibration error, log-likelihood and Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Number of bins of equal width, as in Guo et al., "On Calibration of Modern Neural Networks" (2017)."""
LEAST_PROBABILITY = 1e-7
"""Lower limit of a probability in the log-likelihood: the rounding of a float32 sum."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """A bin of a reliability diagram: faces of about the same confidence.

    Attributes:
        low: exclusive lower bound of the confidence (inclusive in the first bin).
        high: inclusive upper bound of the confidence.
        faces: number of faces.
        confidence: mean probability of the predicted class; None without faces.
        accuracy: share of correct predictions; None without faces.
    """

    low: float
    high: float
    faces: int
    confidence: float | None
    accuracy: float | None


def reliability(labels: NDArray[np.int64], probabilities: Floats, bins: int = BINS) -> list[Bin]:
    """Return the bins of a reliability diagram.

    Args:
        labels: N true classes.
        probabilities: N x C; the confidence of a face is the largest probability of its row.
        bins: number of bins of equal width.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = []
    for index in range(bins):
        members = places == index
        count = int(members.sum())
        means = (float(confidence[members].mean()), float(right[members].mean())) if count else (None, None)
        found.append(Bin(float(edges[index]), float(edges[index + 1]), count, *means))
    return found


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error (ECE): the mean of |accuracy - confidence| over bins, weighted by faces.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015).
    """
    total = sum(entry.faces for entry in bins)
    gaps = (
        entry.faces * abs(entry.accuracy - entry.confidence)
        for entry in bins
        if entry.accuracy is not None and entry.confidence is not None
    )
    return sum(gaps) / total


def negative_log(probabilities: Floats) -> Floats:
    """Return -log of probabilities, in nats, with a lower limit of LEAST_PROBABILITY."""
    found: Floats = -np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    return found


def log_losses(labels: NDArray[np.int64], probabilities: Floats) -> Floats:
    """Return -log of each face's probability of its true class, N values in nats."""
    return negative_log(probabilities[np.arange(len(labels)), labels])


def brier_losses(labels: NDArray[np.int64], probabilities: Floats) -> Floats:
    """Return each face's squared distance between its probabilities and the one-hot truth, N values in [0, 2]."""
    truths = labels[:, None] == np.arange(probabilities.shape[1])
    found: Floats = ((probabilities - truths) ** 2).sum(axis=1)
    return found


def negative_log_likelihood(labels: NDArray[np.int64], probabilities: Floats) -> float:
    """Return the mean of `log_losses`; uniform probabilities over C classes give log C."""
    return float(log_losses(labels, probabilities).mean())


def brier_score(labels: NDArray[np.int64], probabilities: Floats) -> float:
    """Return the mean of `brier_losses`, in [0, 2].

    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability" (1950).
    """
    return float(brier_losses(labels, probabilities).mean())
