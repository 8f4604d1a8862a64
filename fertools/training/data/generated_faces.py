"""Generated faces as training faces: labelled with what they were generated to show, and checked for leaks.

A generator passes on what it has seen. So its faces may be trained on only where it has never seen the folds that are
held out, and only those whose parent is not held out itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES


def read_generated(
    workspace: Workspace, run: str, *, modality: str, classes: Sequence[str], real: pa.Table, test_folds: Sequence[int]
) -> pa.Table:
    """Return the generated faces of a run that may be trained on, their target expression in the column `emotion`.

    Args:
        workspace: whose manifests.
        run: `SYSTEM/RUN` of the generator.
        modality: of the faces that are wanted.
        classes: the expressions that are wanted.
        real: the real faces of the workspace that are trained or tested on, with `fold`, `subject_id` and `face_id`.
        test_folds: the folds that are held out.

    Raises:
        InputError: the run has generated no such faces.
        CheckFailed: its generator was trained with faces of a fold that is held out, or nobody can say.
    """
    path = workspace.generated / f"{run.replace('/', '-')}.parquet"
    if not path.is_file():
        raise InputError(f"{run} has generated no faces; run `fertools generate {run} --of train` first")
    table = store.read_table(path, FACES)
    table = nested.keep(table, pc.equal(table["generator_run"], run))
    wanted = pc.and_(
        pc.equal(table["modality"], modality), pc.is_in(table["target_emotion"], value_set=pa.array(classes))
    )
    table = nested.keep(table, wanted)
    _refuse_leaks(table, run, real, test_folds)
    tested = _tested(table, real, test_folds)
    table = nested.keep(table, ~tested)
    if not len(table):
        raise InputError(
            f"{run} has generated no {modality} faces of training people with an expression; run "
            f"`fertools generate {run} --of train` first"
        )
    return store.replace_columns(table, {"emotion": table["target_emotion"].combine_chunks()})


def _refuse_leaks(table: pa.Table, run: str, real: pa.Table, test_folds: Sequence[int]) -> None:
    if real["fold"].null_count == len(real):
        # A hold-out is the same for every run.
        return
    for unseen in set(map(tuple, (folds or [] for folds in table["generator_folds"].to_pylist()))):
        if missing := sorted(set(test_folds) - set(unseen)):
            raise CheckFailed(
                f"the generator of {run} was trained with faces of fold {missing[0]}, which is held out here, so its "
                f"faces would carry them into training; train it with test_folds={sorted({*unseen, *test_folds})}"
            )


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
