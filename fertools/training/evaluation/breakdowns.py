"""For whom and in which pictures a run is right: by person, by dataset, and by the quality of the crop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.classification import balanced_accuracy, confusion_matrix
from fertools.training.evaluation.predictions import Predictions

QUALITIES = {
    "face_px": "size of the face in its picture, px",
    "blur": "sharpness (variance of the Laplacian)",
    "brightness": "brightness",
    "yaw_deg": "turn of the head to either side, degrees",
}
"""Columns that faces are parted by, and what they are called in a table."""
_QUANTILE_GROUPS = 4
_FEWEST = 8
"""Faces below which parting them by quality would only show noise."""


def by_subject(groups: NDArray[Any], right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how differently people are recognised.

    Args:
        groups: N people.
        right: N, whether each face was decided rightly.

    Returns:
        `subjects`, their count; `mean`, the mean of their accuracies, in which each counts once; `worst`, `quarter`,
        `median` and `best`, quantiles of them over people; and `each`, faces and accuracy by person, the worst first.
    """
    names, codes, faces = np.unique(groups, return_inverse=True, return_counts=True)
    accuracies = np.bincount(codes, weights=right) / faces
    order = np.lexsort((names, -faces, accuracies))
    worst, quarter, median, best = np.quantile(accuracies, [0, 0.25, 0.5, 1]).tolist()
    return {
        "subjects": len(names),
        "mean": float(accuracies.mean()),
        "worst": worst,
        "quarter": quarter,
        "median": median,
        "best": best,
        "each": [
            {"subject": str(names[index]), "faces": int(faces[index]), "accuracy": float(accuracies[index])}
            for index in order.tolist()
        ],
    }


def break_down(
    predictions: Predictions, known: NDArray[np.bool_], labels: NDArray[np.int64], decided: NDArray[np.int64]
) -> dict[str, list[dict[str, Any]]]:
    """Return accuracy and balanced accuracy of parts of the faces.

    Args:
        predictions: N faces.
        known: N, which of them the following are about.
        labels: their true classes.
        decided: what was decided for each.

    Returns:
        By column: `dataset` and `modality`, where there are several, in alphabetical order, and quarters of each of
        QUALITIES, from the smallest values; of each part `words`, `faces`, `accuracy` and `balanced_accuracy`.
    """
    width = len(predictions.classes)

    def part(words: str, members: NDArray[np.bool_]) -> dict[str, Any]:
        confusion = confusion_matrix(labels[members], decided[members], width)
        return {
            "words": words,
            "faces": int(members.sum()),
            "accuracy": float((labels == decided)[members].mean()),
            "balanced_accuracy": float(balanced_accuracy(confusion)),
        }

    found: dict[str, list[dict[str, Any]]] = {}
    for column in ("dataset", "modality"):
        names = np.array([name or "unnamed" for name in predictions.table[column].to_pylist()], object)[known]
        if len(kinds := sorted(set(names))) > 1:
            found[column] = [part(kind, names == kind) for kind in kinds]
    for column in QUALITIES:
        values = predictions.numbers(column)[known]
        values = np.abs(values) if column == "yaw_deg" else values
        measured = ~np.isnan(values)
        if measured.sum() < _FEWEST or not np.ptp(values[measured]):
            continue
        edges = np.unique(np.quantile(values[measured], np.linspace(0, 1, _QUANTILE_GROUPS + 1)))
        places = np.searchsorted(edges[1:-1], values, side="left")
        found[column] = [
            part(f"{edges[index]:.4g} to {edges[index + 1]:.4g}", members)
            for index in range(len(edges) - 1)
            if (members := measured & (places == index)).any()
        ]
    return found
