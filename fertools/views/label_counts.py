"""Count the faces, subjects and sources of each label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.views.conditions import FaceConditions
from fertools.views.dataset_columns import TextColumn, read_columns


@dataclass(frozen=True)
class LabelCount:
    """The faces of one label.

    Attributes:
        label: an emotion, or None for faces without one.
        faces: number of faces.
        subjects: number of distinct subjects.
        sources: number of distinct videos or images.
        valence: mean valence of the faces that have one; None if no face has.
        arousal: mean arousal of the faces that have one; None if no face has.
    """

    label: str | None
    faces: int
    subjects: int
    sources: int
    valence: float | None
    arousal: float | None


@dataclass(frozen=True)
class FaceLabelPlaces:
    """The label of each face as a number.

    Attributes:
        labels: the seven expressions, then other labels, as far as they occur, and None for faces without one.
        places: (N,) the place of each face's label in `labels`.
    """

    labels: tuple[str | None, ...]
    places: NDArray[np.int64]


def number_labels(emotions: TextColumn) -> FaceLabelPlaces:
    """Return the labels of a column in their order, and the place of each face's label."""
    labels = [label for label in EMOTIONS if label in emotions.values]
    labels += sorted(set(emotions.values) - set(EMOTIONS))
    # The code of a face without a label is -1, so its place is taken from the end.
    places = np.array([*(labels.index(value) for value in emotions.values), len(labels)], np.int64)[emotions.codes]
    return FaceLabelPlaces((*labels, None), places)


def count_labels(workspace: WorkspaceLike, conditions: FaceConditions | None = None) -> tuple[LabelCount, ...]:
    """Return the counts of each label: the seven expressions, then other labels, then faces without one.

    Args:
        workspace: workspace of the manifest, or the path of its folder.
        conditions: which faces to count; None for all kept faces.

    Raises:
        InputError: there is no manifest.
        SchemaError: the manifest is damaged or of another schema version.
    """
    columns = read_columns(Workspace(workspace), conditions or FaceConditions())
    people, sources = columns.text("subject_id"), columns.text("source_id")
    numbered = number_labels(columns.text("emotion"))
    return group_by_label(numbered, people, sources, columns.numbers("valence"), columns.numbers("arousal"))


def group_by_label(
    numbered: FaceLabelPlaces,
    people: TextColumn,
    sources: TextColumn,
    valence: NDArray[np.float64],
    arousal: NDArray[np.float64],
) -> tuple[LabelCount, ...]:
    """Return the counts of each label that occurs, from the columns of N faces.

    Args:
        numbered: the label of each face.
        people: the subject of each face.
        sources: the source of each face.
        valence: (N,) valence, NaN where unknown.
        arousal: (N,) arousal, NaN where unknown.
    """
    labels, places = numbered.labels, numbered.places
    faces = np.bincount(places, minlength=len(labels)).tolist()
    subjects, files = (_distinct(places, len(labels), column) for column in (people, sources))
    valences, arousals = (_means(places, len(labels), values) for values in (valence, arousal))
    return tuple(
        LabelCount(label, faces[place], subjects[place], files[place], valences[place], arousals[place])
        for place, label in enumerate(labels)
        if faces[place]
    )


def _distinct(places: NDArray[np.int64], labels: int, column: TextColumn) -> list[int]:
    """Return how many distinct values each label has."""
    known, most = column.codes >= 0, max(len(column.values), 1)
    pairs = np.unique(places[known] * most + column.codes[known])
    counts: list[int] = np.bincount(pairs // most, minlength=labels).tolist()
    return counts


def _means(places: NDArray[np.int64], labels: int, values: NDArray[np.float64]) -> list[float | None]:
    known = ~np.isnan(values)
    counts = np.bincount(places[known], minlength=labels)
    sums = np.bincount(places[known], weights=values[known], minlength=labels)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
