"""Generated faces as training faces: labelled with their target expression, and checked for leaks.

A generator passes on what it has learned. So its faces are used only if it was not trained on the folds that are held
out. A face is never used if its parent is held out.

A recipe names a run or the folder of a selection. A run stands for all faces that it has generated. A selection stands
for some faces of one or more runs. The table in its folder lists them. A face that is selected twice trains once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.arguments import given
from fertools.core.errors import CheckFailed, InputError, SchemaError
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES

SELECTION_NAME = "selection.parquet"
"""The table of a selection, in its folder."""
SELECTION = pa.schema(
    [
        pa.field("real_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("face_id", pa.string(), nullable=False),
        pa.field("generator_run", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("emotion", pa.string()),
        pa.field("distance", pa.float64(), nullable=False),
    ]
)
"""Columns of a selection: a row for each real face and each generated face that was selected for it."""


def find_selection(workspace: Workspace, name: str) -> Path | None:
    """Return the table of a selection; None if `name` is not the folder of a selection.

    Args:
        workspace: workspace with the selection.
        name: folder of the selection: below `training/`, relative to the workspace, or an absolute path.
    """
    folders = (workspace.root / "training" / name, workspace.root / Path(name).expanduser())
    return next((folder / SELECTION_NAME for folder in folders if (folder / SELECTION_NAME).is_file()), None)


def read_selection(path: Path) -> pa.Table:
    """Return the rows of a selection.

    Raises:
        SchemaError: the file is damaged, or no selection of this version.
    """
    remedy = "select again to write it"
    table = read_parquet(path, remedy=remedy)
    if not table.schema.equals(SELECTION):
        raise SchemaError(f"{path} is no selection of this version of fertools; {remedy}")
    return table


def find_generators(workspace: Workspace, name: str) -> Mapping[str, pa.Array | None]:
    """Return the runs that generated the faces of a run or of a selection, with the chosen faces of each; None for all.

    Args:
        workspace: workspace with the runs and selections.
        name: `SYSTEM/RUN`, or the folder of a selection.

    Raises:
        SchemaError: the selection cannot be read.
    """
    if (path := find_selection(workspace, name)) is None:
        return {name: None}
    table = read_selection(path)
    runs = sorted(set(table["generator_run"].to_pylist()))
    return {run: pc.unique(table.filter(pc.equal(table["generator_run"], run))["face_id"]) for run in runs}


def generated_table(workspace: Workspace, run: str) -> Path:
    """Return the path of the manifest of the faces that a run has generated."""
    return workspace.generated / f"{run.replace('/', '-')}.parquet"


def read_generated(
    workspace: Workspace,
    name: str,
    *,
    modality: str,
    classes: Sequence[str],
    real: pa.Table,
    test_folds: Sequence[int],
    allow_leaks: bool = False,
) -> pa.Table:
    """Return generated faces that may be trained on, their target expression in the column `emotion`.

    Args:
        workspace: workspace with the manifests.
        name: run of the generator, as `SYSTEM/RUN`, or the folder of a selection.
        modality: modality of the faces to return.
        classes: target expressions of the faces to return.
        real: the real faces that are trained or tested on, with `fold`, `subject_id` and `face_id`.
        test_folds: the folds that are held out.
        allow_leaks: also use faces of a generator that was trained on a held-out fold. Faces of held-out people are
            never used.

    Raises:
        InputError: the run has generated no such faces, or selected faces are missing.
        CheckFailed: the generator was trained on a fold that is held out, or its folds are not known.
    """
    table = pa.concat_tables(_read(workspace, name, *entry) for entry in find_generators(workspace, name).items())
    wanted = pc.and_(
        pc.equal(table["modality"], modality), pc.is_in(table["target_emotion"], value_set=pa.array(classes))
    )
    table = nested.keep(table, wanted)
    if not allow_leaks and (leaks := find_seen_folds(table, real, test_folds)):
        raise CheckFailed(f"{leaks[0]}, or allow it with {given('allow_leaks', True)}; every report then says so")
    table = nested.keep(table, ~_tested(table, real, test_folds))
    if not len(table):
        raise InputError(
            f"{name} has generated no {modality} faces of training people with an expression; {_remedy(name)}"
        )
    return store.replace_columns(table, {"emotion": table["target_emotion"].combine_chunks()})


def find_seen_folds(table: pa.Table, real: pa.Table, test_folds: Sequence[int]) -> list[str]:
    """Return a sentence for each generator that was trained on a held-out fold, as the rows of its faces record it.

    Args:
        table: rows of generated faces.
        real: rows of real faces, with `fold`.
        test_folds: the folds that are held out.
    """
    if real["fold"].null_count == len(real):
        # A hold-out is the same for every run.
        return []
    found = {
        (run, tuple(folds or ()))
        for run, folds in zip(table["generator_run"].to_pylist(), table["generator_folds"].to_pylist(), strict=True)
    }
    return [
        f"the generator of {run} was trained on fold {missing[0]}, which is held out here, so its faces "
        f"would leak into training; train it with test_folds={sorted({*unseen, *test_folds})}"
        for run, unseen in sorted(found)
        if (missing := sorted(set(test_folds) - set(unseen)))
    ]


def _read(workspace: Workspace, name: str, run: str, chosen: pa.Array | None) -> pa.Table:
    """Return the faces that a run has generated, or only the chosen ones."""
    path = generated_table(workspace, run)
    if not path.is_file():
        raise InputError(f"{run} has generated no faces; {_remedy(run)}")
    table = store.read_table(path, FACES)
    table = nested.keep(table, pc.equal(table["generator_run"], run))
    if chosen is None:
        return table
    table = nested.keep(table, pc.is_in(table["face_id"], value_set=chosen))
    if len(table) < len(chosen):
        raise InputError(
            f"{len(chosen) - len(table):,} of {len(chosen):,} faces that {name} selects are no longer among the "
            f"generated faces of {run}; select again"
        )
    return table


def _remedy(run: str) -> str:
    return f"run {calls.generate_training_faces(run)} first"


def _tested(table: pa.Table, real: pa.Table, test_folds: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which generated faces have a parent, or show a person, that is held out."""
    if real["fold"].null_count == len(real):
        held_out = pc.equal(real["split"], "test")
        own = pc.fill_null(pc.equal(table["split"], "test"), False)
    else:
        folds = pa.array(list(test_folds), real["fold"].type)
        held_out = pc.is_in(real["fold"], value_set=folds)
        own = pc.is_in(table["fold"], value_set=folds)
    people = pc.drop_null(real["subject_id"].filter(held_out)).combine_chunks()
    parents = real["face_id"].filter(held_out).combine_chunks()
    shown = pc.or_(pc.is_in(table["subject_id"], value_set=people), pc.is_in(table["parent_id"], value_set=parents))
    return np.asarray(pc.or_(own, shown).to_numpy(zero_copy_only=False), bool)
