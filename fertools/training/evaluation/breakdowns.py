"""Breakdowns of accuracy: by person, by dataset, and by the quality of the crop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.classification import balanced_accuracy, confusion_matrix
from fertools.training.evaluation.predictions import Predictions

QUALITIES = {
    "face_px": "size of the face in its image, px",
    "blur": "sharpness (variance of the Laplacian)",
    "brightness": "brightness",
    "yaw_deg": "turn of the head to either side, degrees",
}
"""Columns of image quality, with their names in tables."""
_QUANTILE_GROUPS = 4
_FEWEST = 8
"""Fewest faces for a breakdown by quality; with fewer, it would only show noise."""


def by_subject(groups: NDArray[Any], right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the accuracy by person.

    Args:
        groups: N people.
        right: N booleans: whether a face was classified correctly.

    Returns:
        `subjects`, the number of people; `mean`, the unweighted mean of their accuracies; `worst`, `quarter`, `median`
        and `best`, quantiles over people; and `each`, faces and accuracy of each person, lowest accuracy first.
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
    """Return accuracy and balanced accuracy of subsets of the faces.

    Args:
        predictions: predictions of N faces.
        known: N booleans: whether a face has a label.
        labels: true classes of the labelled faces.
        decided: predicted classes of the labelled faces.

    Returns:
        Subsets by column: `dataset` and `modality`, if there are several, in alphabetical order; and quartiles of each
        column of QUALITIES, lowest first. Each subset has `words`, `faces`, `accuracy` and `balanced_accuracy`.
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
        quartiles = np.searchsorted(edges[1:-1], values, side="left")
        found[column] = [
            part(f"{edges[index]:.4g} to {edges[index + 1]:.4g}", members)
            for index in range(len(edges) - 1)
            if (members := measured & (quartiles == index)).any()
        ]
    return found
