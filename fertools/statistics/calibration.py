"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Of equal width, as in Guo et al., "On Calibration of Modern Neural Networks" (2017)."""
LEAST_PROBABILITY = 1e-7
"""What a probability of 0 for the true class counts as in the log-likelihood: that of a float32 sum's rounding."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Faces whose decision was about equally sure.

    Attributes:
        low: their confidence is above this, or equal in the first bin.
        high: and at most this.
        faces: how many.
        confidence: mean probability of the class decided for; None without faces.
        accuracy: share of right decisions; None without faces.
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
        probabilities: N x C; the confidence is the largest of a row.
        bins: how many, of equal width.
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
    """Return the expected calibration error (ECE): |accuracy - confidence| by bin, weighted by faces.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015).
    """
    total = sum(entry.faces for entry in bins)
    gaps = (
        entry.faces * abs(entry.accuracy - entry.confidence)
        for entry in bins
        if entry.accuracy is not None and entry.confidence is not None
    )
    return sum(gaps) / total


def negative_log_likelihood(labels: NDArray[np.int64], probabilities: Floats) -> float:
    """Return the mean of -log of the true class's probability, in nats; guessing among C gives log C."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, LEAST_PROBABILITY)).mean())


def brier_score(labels: NDArray[np.int64], probabilities: Floats) -> float:
    """Return the mean squared distance of the probabilities from certainty of the truth, in [0, 2].

    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability" (1950).
    """
    truths = labels[:, None] == np.arange(probabilities.shape[1])
    return float(((probabilities - truths) ** 2).sum(axis=1).mean())
