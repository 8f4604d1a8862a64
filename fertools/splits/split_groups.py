"""The groups of a split as numbers: how many faces of each class and place in the VA plane each group has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.vocabulary import EMOTIONS
from fertools.manifests.column_codes import encode
from fertools.splits.characters import find_characters
from fertools.splits.folds import Integers
from fertools.splits.groups import COLUMNS, NO_LINKS, group_faces
from fertools.splits.protocol import SplitOptions

SPLIT_COLUMNS = (*COLUMNS, "emotion", "fold", "split")
"""Columns of the manifest that a split reads."""
VA_COLUMNS = ("valence", "arousal")
"""Further columns for a split that is balanced over the VA plane."""
VA_STEPS = 4
"""Cells of the VA plane on each axis; a cell is half a unit wide."""


@dataclass(frozen=True)
class Grouping:
    """The groups of faces that a split keeps together.

    Attributes:
        groups: N group numbers of the faces.
        names: G names of the groups.
        characters: G, which groups are animated characters beside people.
        counts: G x (C + 1) numbers of faces per class; the last column counts faces without a class.
        classes: the C classes.
        balanced: G x (B + 1) numbers of faces for what the folds are balanced by; `counts`, unless `balance` is `va`.
    """

    groups: Integers
    names: list[str]
    characters: npt.NDArray[np.bool_]
    counts: Integers
    classes: list[str]
    balanced: Integers

    @property
    def people(self) -> npt.NDArray[np.bool_]:
        """G, which groups are people."""
        return ~self.characters


def group(kept: pa.Table, options: SplitOptions, links: Integers = NO_LINKS) -> Grouping:
    """Return the groups of the faces of a split.

    Args:
        kept: N kept faces with SPLIT_COLUMNS, and with VA_COLUMNS if `balance` is `va`.
        options: options of the split.
        links: L x 2 row numbers of further faces that stay together.

    Raises:
        InputError: a face has no subject.
    """
    groups, names = group_faces(kept, options.group_by, links)
    labels, classes = encode_classes(kept)
    counts = _count(groups, len(names), labels, len(classes))
    balanced = counts
    if options.balance == "va":
        cells = _count(groups, len(names), va_cells(kept), VA_STEPS**2)
        balanced = np.column_stack([counts[:, :-1], cells[:, :-1], counts[:, -1:]])
        # The last column makes each row sum to the faces of its group.
        balanced[:, -1] = counts.sum(axis=1) - balanced[:, :-1].sum(axis=1)
    return Grouping(groups, names, find_characters(kept, groups, len(names)), counts, classes, balanced)


def encode_classes(faces: pa.Table) -> tuple[Integers, list[str]]:
    """Return the class of each face, C for none, and the C classes: the seven expressions in order, then others."""
    codes, values = encode(faces["emotion"])
    labels = values.to_pylist()
    classes = [label for label in EMOTIONS if label in labels] + sorted(set(labels) - set(EMOTIONS))
    places = np.array([*(classes.index(label) for label in labels), len(classes)], np.int64)
    return places[codes], classes


def va_cells(faces: pa.Table) -> Integers:
    """Return the cell of the VA plane of each face, row by row from (-1, -1); VA_STEPS squared for unknown values."""
    valence, arousal = (pc.fill_null(faces[name], np.nan).to_numpy() for name in VA_COLUMNS)
    known = np.isfinite(valence) & np.isfinite(arousal)
    cells = np.full(len(faces), VA_STEPS**2, np.int64)
    row, column = (
        np.clip(((values[known] + 1) * VA_STEPS / 2).astype(np.int64), 0, VA_STEPS - 1) for values in (valence, arousal)
    )
    cells[known] = row * VA_STEPS + column
    return cells


def _count(groups: Integers, group_count: int, kinds: Integers, kind_count: int) -> Integers:
    """Return G x (K + 1) numbers of faces per group and kind; kind K is none."""
    width = kind_count + 1
    return np.bincount(groups * width + kinds, minlength=group_count * width).reshape(group_count, width)
