"""Recognition of sequences: the frames of a take vote on its expression.

A sequence is a track of a video, or numbered pictures of one take. The class with most frames wins. Of several such
classes, the one with the highest mean probability wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.statistics import classification as decisions
from fertools.statistics.intervals import interval_as_json, mean_over_folds
from fertools.statistics.jackknife import jackknife_intervals
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
    if counts.max() < 2:
        return None
    pure = least == most
    if not pure.any():
        return None
    first = np.unique(codes, return_index=True)[1][pure]
    decided = vote(predictions.probabilities()[chosen], codes)[pure]
    people = np.unique(np.array(predictions.groups())[chosen][first], return_inverse=True)[1]
    return {
        "sequences": int(pure.sum()),
        "frames": int(counts[pure].sum()),
        "mixed": int((~pure).sum()),
        **_measured(labels[first], decided, predictions.folds()[chosen][first], people, len(predictions.classes)),
    }


def _measured(labels: Integers, decided: Integers, folds: Integers, people: Integers, width: int) -> dict[str, Any]:
    cells = np.eye(width * width)[labels * width + decided]

    def statistic(sums: Floats) -> Floats:
        confusion = sums.reshape(-1, width, width)
        return np.stack([measure(confusion) for measure in DECISIONS.values()], axis=1)

    pooled = statistic(cells.sum(axis=0, keepdims=True))[0]
    ends = jackknife_intervals(group_sums(people, cells), statistic, ["share"] * len(DECISIONS))
    by_fold = []
    for fold in np.unique(folds).tolist():
        inside = folds == fold
        values = statistic(cells[inside].sum(axis=0, keepdims=True))[0]
        measures: dict[str, float | None] = dict(zip(DECISIONS, values.tolist(), strict=True))
        if len(np.unique(labels[inside])) == 1:
            # Macro F1 compares classes, and there is only one.
            measures["macro_f1"] = None
        by_fold.append({"fold": fold, "sequences": int(inside.sum()), "measures": measures})
    measured = {}
    for index, name in enumerate(DECISIONS):
        each = [part["measures"][name] for part in by_fold]
        found = mean_over_folds([float("nan") if value is None else value for value in each])
        measured[name] = {
            "pooled": float(pooled[index]),
            "people": interval_as_json(ends[index]),
            "folds": asdict(found) if found else None,
        }
    return {"measures": measured, "by_fold": by_fold}
