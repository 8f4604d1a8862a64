"""What a split did: counts of every part, and how far it is from the ideal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.notebook import html_table
from fertools.manifests.column_codes import encode
from fertools.splits.folds import Integers
from fertools.splits.split_groups import VA_COLUMNS, VA_STEPS, encode_classes, va_cells


@dataclass(frozen=True)
class PartSummary:
    """Counts of one fold, or of one part of a hold-out.

    Attributes:
        name: number of the fold, or `train`, `val` or `test`.
        faces: number of kept faces.
        subjects: number of distinct subjects.
        emotions: number of faces per expression: the seven in order, then other labels.
        valence: mean valence; None unless the split is balanced over the VA plane.
        arousal: mean arousal; None in the same case.
        va_distance: share of the part's faces that would have to be elsewhere in the VA plane to be spread like all
            faces, from 0 to 1. Cells are half a unit wide. None in the same case.
    """

    name: str
    faces: int
    subjects: int
    emotions: dict[str, int]
    valence: float | None = None
    arousal: float | None = None
    va_distance: float | None = None


@dataclass(frozen=True)
class SplitSummary:
    """The result of a split.

    Attributes:
        protocol: `folds`, `loso` or `holdout`.
        parts: the folds in order; or train, val if there is one, and test.
        faces: number of kept faces in a part.
        subjects: number of distinct subjects.
        groups: number of groups of subjects that may be one person.
        imbalance: deviation of the people from the ideal split, see `fertools.splits.folds.imbalance`; 0 is perfect.
        warnings: sentences about limits of this split.
        changed: whether the manifest changed; False if it already had the same split.
        joined: number of faces that joined an earlier split, whose other faces kept their parts.
        repeats: imbalance of each complete repetition; the first is the manifest's own.
    """

    protocol: str
    parts: tuple[PartSummary, ...]
    faces: int
    subjects: int
    groups: int
    imbalance: float
    warnings: tuple[str, ...]
    changed: bool
    joined: int = 0
    repeats: tuple[float, ...] = ()

    def _repr_html_(self) -> str:
        labels = list(dict.fromkeys(label for part in self.parts for label in part.emotions))
        rows = (
            (part.name, part.faces, part.subjects, *(part.emotions.get(label, 0) for label in labels))
            for part in self.parts
        )
        return html_table(
            f"{self.faces:,} faces in {self.groups:,} groups", ("part", "faces", "subjects", *labels), rows
        )


def summarise_parts(kept: pa.Table, parts: Integers, names: list[str], *, va: bool) -> tuple[PartSummary, ...]:
    """Return the counts of every part.

    Args:
        kept: N faces with a part.
        parts: N part numbers.
        names: P names of the parts.
        va: whether to measure valence and arousal, too.
    """
    count = len(names)
    labels, classes = encode_classes(kept)
    subjects, known = encode(kept["subject_id"])
    shown = _table(parts, labels, count, len(classes))
    pairs = np.unique((parts * (len(known) + 1) + subjects)[subjects >= 0])
    people = np.bincount(pairs // (len(known) + 1), minlength=count)
    sizes = np.bincount(parts, minlength=count)
    means, distances = _va_measures(kept, parts, count) if va else (None, None)
    return tuple(
        PartSummary(
            name=name,
            faces=int(sizes[part]),
            subjects=int(people[part]),
            emotions={label: int(shown[part, column]) for column, label in enumerate(classes) if shown[part, column]},
            valence=None if means is None else _number(means[0][part]),
            arousal=None if means is None else _number(means[1][part]),
            va_distance=None if distances is None else _number(distances[part]),
        )
        for part, name in enumerate(names)
    )


def _va_measures(
    kept: pa.Table, parts: Integers, count: int
) -> tuple[list[np.ndarray[tuple[int], np.dtype[np.float64]]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return the means of valence and of arousal of each part, and the total variation distance from all faces."""
    cells = va_cells(kept)
    rated = cells < VA_STEPS**2
    sizes = np.bincount(parts[rated], minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [
            np.bincount(parts[rated], pc.fill_null(kept[name], np.nan).to_numpy()[rated], count) / sizes
            for name in VA_COLUMNS
        ]
        spread = _table(parts[rated], cells[rated], count, VA_STEPS**2)[:, :-1]
        distances = np.abs(spread / sizes[:, None] - spread.sum(axis=0) / sizes.sum()).sum(axis=1) / 2
    return means, distances


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _table(parts: Integers, kinds: Integers, part_count: int, kind_count: int) -> Integers:
    """Return P x (K + 1) numbers of faces per part and kind."""
    width = kind_count + 1
    return np.bincount(parts * width + kinds, minlength=part_count * width).reshape(part_count, width)
