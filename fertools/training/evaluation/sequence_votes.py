"""Recognition of sequences: the frames of a take vote on its expression.

A sequence is a track of a video, or the stills of a drawn clip. The class with most frames wins. Of several such
classes, the one with the highest mean probability wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.statistics import classification as decisions
from fertools.statistics.intervals import interval_as_json, mean_over_folds
from fertools.statistics.jackknife import mean_intervals
from fertools.statistics.sums import group_sums
from fertools.training.evaluation.predictions import Predictions

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
DECISIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "accuracy": decisions.accuracy,
    "balanced_accuracy": decisions.balanced_accuracy,
    "macro_f1": decisions.macro_f1,
}
"""Metrics of decisions without probabilities, as functions of confusion matrices."""


def vote(probabilities: Floats, sequences: Integers) -> Integers:
    """Return the class of each sequence: that of most frames; of several such classes, the one of most probability.

    Args:
        probabilities: N x C probabilities of the frames.
        sequences: N numbers of sequences, from 0.

    Example:
        >>> frames = np.array([[0.9, 0.1, 0.0], [0.0, 0.6, 0.4], [0.3, 0.3, 0.4]])
        >>> vote(frames, np.array([0, 0, 0])).tolist()  # three different votes
        [0]
        >>> vote(frames[[0, 1, 1]], np.array([0, 0, 0])).tolist()
        [1]
    """
    votes = group_sums(sequences, np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)])
    means = group_sums(sequences, probabilities) / votes.sum(axis=1, keepdims=True)
    tied = votes == votes.max(axis=1, keepdims=True)
    return np.asarray(np.where(tied, means, -1.0).argmax(axis=1), np.int64)


def sequence_metrics(predictions: Predictions) -> dict[str, Any] | None:
    """Return the metrics of votes over sequences; None if no sequence has two labelled frames, or none one label.

    Args:
        predictions: predictions of one run, over all its folds.

    Returns:
        `sequences`, their number; `frames`, the number of their frames; `mixed`, the number of sequences whose frames
        have several labels, which are left out; `measures`, as `compute_metrics` has them for faces; and `by_fold`.
    """
    if (voted := _vote_of(predictions)) is None:
        return None
    people = intervals_of_votes([predictions])
    cells = voted.cells
    pooled = _measures(cells.sum(axis=0, keepdims=True))[0]
    by_fold = []
    for fold in np.unique(voted.folds).tolist():
        inside = voted.folds == fold
        values = _measures(cells[inside].sum(axis=0, keepdims=True))[0]
        measures: dict[str, float | None] = dict(zip(DECISIONS, values.tolist(), strict=True))
        if len(np.unique(voted.labels[inside])) == 1:
            # Macro F1 compares classes, and there is only one.
            measures["macro_f1"] = None
        by_fold.append({"fold": fold, "sequences": int(inside.sum()), "measures": measures})
    measured = {}
    for index, name in enumerate(DECISIONS):
        each = [part["measures"][name] for part in by_fold]
        found = mean_over_folds([float("nan") if value is None else value for value in each])
        measured[name] = {
            "pooled": float(pooled[index]),
            "people": people[name],
            "folds": asdict(found) if found else None,
        }
    return {
        "sequences": len(voted.labels),
        "frames": voted.frames,
        "mixed": voted.mixed,
        "measures": measured,
        "by_fold": by_fold,
    }


def intervals_of_votes(repeats: Sequence[Predictions]) -> dict[str, Any]:
    """Return the intervals over people of the metrics of votes, by the name of the metric.

    Args:
        repeats: predictions of one run; or of several repeats, for the interval of the mean over them. Each has
            sequences with one label.
    """
    votes = [voted for run in repeats if (voted := _vote_of(run)) is not None]
    ends = mean_intervals([(voted.people, voted.cells) for voted in votes], _measures, ["share"] * len(DECISIONS))
    return {name: interval_as_json(found) for name, found in zip(DECISIONS, ends, strict=True)}


@dataclass(frozen=True)
class _Vote:
    """What the frames of S sequences decided."""

    labels: Integers
    folds: Integers
    people: NDArray[Any]
    cells: Floats
    """S x C²: 1 in the cell of the confusion matrix."""
    frames: int
    mixed: int


def _vote_of(predictions: Predictions) -> _Vote | None:
    names = np.array(predictions.table["sequence"].to_pylist(), object)
    chosen = np.flatnonzero((predictions.labels() >= 0) & (names != None))  # noqa: E711 - compares each element
    if not len(chosen):
        return None
    codes = np.unique(names[chosen].astype(str), return_inverse=True)[1]
    labels = predictions.labels()[chosen]
    least, most = (np.full(codes.max() + 1, -1) for _ in range(2))
    order = np.lexsort((labels, codes))
    most[codes[order]] = labels[order]
    least[codes[order[::-1]]] = labels[order[::-1]]
    counts = np.bincount(codes)
    pure = least == most
    if counts.max() < 2 or not pure.any():
        return None
    first = np.unique(codes, return_index=True)[1][pure]
    decided = vote(predictions.probabilities()[chosen], codes)[pure]
    width = len(predictions.classes)
    return _Vote(
        labels=labels[first],
        folds=predictions.folds()[chosen][first],
        people=np.array(predictions.groups())[chosen][first],
        cells=np.eye(width * width)[labels[first] * width + decided],
        frames=int(counts[pure].sum()),
        mixed=int((~pure).sum()),
    )


def _measures(sums: Floats) -> Floats:
    width = math.isqrt(sums.shape[1])
    confusion = sums.reshape(-1, width, width)
    return np.stack([measure(confusion) for measure in DECISIONS.values()], axis=1)
