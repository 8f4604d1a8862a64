"""Rows of a manifest that a system can use: with a crop, a split part and the labels that it needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.spelling import nearest
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import nested

_NAMED = 8
"""Number of subjects that a message lists."""
_RANGES = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0), "weight": (0.0, np.inf)}
"""Allowed range of each column where it is not null."""


def select_rows(workspace: Workspace, everybody: pa.Table, modality: str, dataset: str) -> pa.Table:
    """Return the rows of a modality and dataset that have crops, a split part, and numbers in range.

    Raises:
        InputError: there are none, or a number is out of range.
    """
    table = nested.keep(everybody, pc.equal(everybody["modality"], modality))
    table = nested.keep(table, pc.is_valid(table["path"]))
    if dataset:
        table = nested.keep(table, pc.equal(table["dataset"], dataset))
    if not len(table):
        named = f" of the dataset '{dataset}'" if dataset else ""
        raise InputError(
            f"{workspace.manifest} has no kept {modality} faces{named} with crops; ingest some first, with "
            f"`fertools ingest DIR --modality {modality}`"
        )
    table = rows_with_split(workspace, table)
    _refuse_out_of_range(workspace, table)
    return table


def rows_of_character(table: pa.Table, character: str) -> pa.Table:
    """Return the rows of an animated character.

    Args:
        table: rows of one modality.
        character: its `subject_id`.

    Raises:
        InputError: there is no such subject; the message names those that there are.
    """
    rows = nested.keep(table, pc.fill_null(pc.equal(table["subject_id"], character), False))
    if not len(rows):
        found = sorted({name for name in table["subject_id"].to_pylist() if name is not None})
        listed = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
        raise InputError(
            f"no {table['modality'][0].as_py()} face is of the character '{character}'{nearest(character, found)}; the "
            f"subjects are {listed or 'unknown'}; set character to one of them"
        )
    return rows


def rows_with_split(workspace: Workspace, table: pa.Table) -> pa.Table:
    """Return the rows with a fold; if no row has a fold, the rows in a part: train, val or test.

    If only some faces have a fold, the others were ingested after the split. So their part is not known yet.
    """
    folds = pc.is_valid(table["fold"])
    parts = pc.is_in(table["split"], value_set=pa.array(["train", "val", "test"]))
    table = nested.keep(table, folds if pc.any(folds).as_py() else parts)
    if not len(table):
        raise InputError(f"no face of {workspace.manifest} is in a fold or split; run {calls.SPLIT} first")
    return table


def _refuse_out_of_range(workspace: Workspace, table: pa.Table) -> None:
    """Raise if a label or a weight is out of range: one NaN would make every weight of a network NaN."""
    for name, (least, most) in _RANGES.items():
        values = np.asarray(pc.fill_null(table[name], 0.0).to_numpy(), np.float64)
        wrong = np.flatnonzero(~((values >= least) & (values <= most) & np.isfinite(values)))
        if len(wrong):
            face, value = table["face_id"][int(wrong[0])].as_py(), values[wrong[0]]
            raise InputError(
                f"{name} of {len(wrong):,} faces in {workspace.manifest} is not a number from {least:g} to {most:g}, "
                f"the first {value:g} of face {face}; correct that column, or make it null where nothing is known"
            )


def rows_with_emotion(table: pa.Table, classes: tuple[str, ...]) -> pa.Table:
    """Return the rows with one of the classes as their label.

    Raises:
        InputError: no face has one of them, or all labelled faces have the same one of several.
    """
    labelled = nested.keep(table, pc.is_in(table["emotion"], value_set=pa.array(classes)))
    present = pc.unique(labelled["emotion"]).to_pylist()
    if not present:
        named = "the seven expressions" if classes == EMOTIONS else f"the expressions {', '.join(classes)}"
        raise InputError(
            f"no face has one of {named} as its label; put videos into folders named by emotion and ingest them, or "
            "label them with `fertools annotate --emotion`"
        )
    if len(present) == 1 < len(classes):
        raise InputError(
            f"every labelled face is {present[0]}, and a classifier needs two classes; add faces of another emotion"
        )
    return labelled


def held_out_rows(table: pa.Table, test_folds: Sequence[int], modality: str) -> NDArray[np.bool_]:
    """Return N booleans: whether each row is in the test part.

    Args:
        table: N rows with `fold`, `split` and `subject_id`.
        test_folds: folds to hold out, where the manifest has folds.
        modality: modality of the faces, for the message.

    Raises:
        InputError: there is no such fold.
    """
    if table["fold"].null_count == len(table):
        return np.asarray(pc.equal(table["split"], "test").to_numpy(zero_copy_only=False), bool)
    folds = pc.unique(table["fold"].drop_null()).to_pylist()
    if unknown := [fold for fold in test_folds if fold not in folds]:
        raise InputError(
            f"test_folds has {unknown[0]}, and the manifest's folds go from {min(folds)} to {max(folds)} for the "
            f"{modality} faces, which show {describe_people(table)} in all; give one of these folds, or split again "
            "with fewer folds or more people"
        )
    held_out = pc.is_in(table["fold"], value_set=pa.array(test_folds, table["fold"].type))
    return np.asarray(held_out.to_numpy(zero_copy_only=False), bool)


def describe_people(table: pa.Table) -> str:
    """Return the number of people in words, such as `3 people`."""
    count = pc.count_distinct(table["subject_id"]).as_py()
    return "1 person" if count == 1 else f"{count} people"
