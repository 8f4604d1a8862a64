"""Characters in a split: an animated character shows nobody, so it says nothing about the person who is tested.

A group of animated faces alone is a character. People are assigned to folds as if there were no characters. Otherwise
one character with many faces would fill a fold, and the people would be spread unevenly. Then each character gets a
fold, so that its faces stay together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.schema import ANIMATED
from fertools.splits.folds import Floats, Integers

Mask = npt.NDArray[np.bool_]


def find_characters(faces: pa.Table, groups: Integers, group_count: int) -> Mask:
    """Return a mask of the groups that are characters beside people; all False if there are no people.

    Args:
        faces: N rows.
        groups: N group numbers.
        group_count: G, the number of groups.
    """
    is_person = np.asarray(pc.not_equal(faces["modality"], ANIMATED).combine_chunks())
    people = np.bincount(groups, is_person, group_count) > 0
    return ~people if people.any() else people


def assign_beside(
    folds_of_people: Integers, counts: Integers, shares: Floats, characters: Mask, fixed: Integers | None = None
) -> Integers:
    """Return the fold of every group: that of the people as given, and for characters the fold that needs faces most.

    Args:
        folds_of_people: P fold numbers of the groups that are not characters, in order.
        counts: G x C, number of faces per group and class.
        shares: K wanted shares of faces.
        characters: G, which groups are characters.
        fixed: G folds that groups have already; -1 for the others.

    Example:
        >>> counts, shares = np.array([[9], [2], [2], [4]]), np.array([0.5, 0.5])
        >>> assign_beside(np.array([0, 1]), counts, shares, np.array([True, False, False, True])).tolist()
        [0, 0, 1, 1]
    """
    folds = np.full(len(counts), -1, np.int64) if fixed is None else fixed.copy()
    folds[~characters] = folds_of_people
    sizes = counts.sum(axis=1)
    settled = characters & (folds >= 0)
    filled = np.bincount(folds[settled], sizes[settled], len(shares))
    waiting = np.flatnonzero(characters & (folds < 0))
    for group in waiting[np.argsort(-sizes[waiting], kind="stable")].tolist():
        folds[group] = np.argmin(filled / shares)
        filled[folds[group]] += sizes[group]
    return folds
