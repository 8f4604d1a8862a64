"""Other folds of the same faces, for complete repetitions of a cross-validation.

The manifest keeps its folds. A recipe with `split_seed` gets the others while it selects its faces.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.splits.characters import assign_beside
from fertools.splits.folds import Integers, assign_groups_anew, imbalance
from fertools.splits.lost_classes import refuse_lost_classes
from fertools.splits.protocol import SplitOptions
from fertools.splits.split_groups import VA_COLUMNS, Grouping, group
from fertools.splits.split_record import read_record, recorded_links


def resplit(workspace: Workspace, faces: pa.Table, seed: int) -> pa.Table:
    """Return faces with other folds: as many as the manifest has, with people assigned at random.

    The folds depend on the real kept faces with a fold and on the seed, so every run of a workspace gets the same ones.

    Args:
        workspace: workspace of the manifest. Its split says what stays together.
        faces: all kept real faces of the manifest, in any order.
        seed: 0 for the folds of the manifest; any other number for other folds.

    Raises:
        InputError: the manifest has no folds, or one person in each fold. Or a fold would have all faces of an
            expression.
    """
    if not seed:
        return faces
    known = nested.keep(faces, pc.is_valid(faces["fold"]))
    folds = pc.unique(known["fold"]).to_pylist()
    if not folds:
        raise InputError(f"split_seed is {seed}, and {workspace.manifest} has no folds; run {calls.SPLIT} first")
    known = nested.in_order(known, "face_id")
    record = read_record(workspace)
    options = _options(record, len(folds))
    if options.balance == "va":
        known = _with_va(workspace, known)
    grouping = group(known, options, recorded_links(record, known["face_id"]))
    if grouping.people.sum() <= len(folds):
        raise InputError(
            f"split_seed is {seed}, and each of the {len(folds)} folds holds one person, so there are no other folds; "
            "set split_seed to 0, or split into fewer folds"
        )
    assigned, _ = other_parts(grouping, options, seed)
    numbers = pa.array(np.array(sorted(folds), np.int32)[assigned[grouping.groups]])
    position = pc.index_in(faces["face_id"], value_set=known["face_id"].combine_chunks())
    return store.replace_columns(faces, {"fold": pc.take(numbers, position).combine_chunks()})


def other_parts(grouping: Grouping, options: SplitOptions, seed: int) -> tuple[Integers, float]:
    """Return other folds of all groups, and the imbalance of the people.

    Args:
        grouping: the groups.
        options: options of the split, with a number of folds.
        seed: number of the repeat, 1 or more.

    Raises:
        InputError: a fold would have all faces of an expression.
    """
    people = grouping.people
    count = options.folds or 0
    shares = np.full(count, 1 / count)
    balanced = grouping.balanced[people]
    assigned = assign_groups_anew(balanced, shares, np.random.default_rng(seed))
    refuse_lost_classes(options, grouping.counts[people], grouping.classes, assigned, count)
    deviation = imbalance(balanced, shares, assigned)
    return assign_beside(assigned, grouping.counts, shares, grouping.characters), deviation


def _options(record: dict[str, object] | None, fold_count: int) -> SplitOptions:
    """Return the options of the recorded split; the folds may come from elsewhere."""
    kept = {name: value for name, value in (record or {}).items() if name in ("group_by", "balance")}
    if kept.get("balance") == "turns":
        del kept["balance"]
    return replace(SplitOptions(folds=fold_count), **kept)  # type: ignore[arg-type]  # checked by SplitOptions


def _with_va(workspace: Workspace, faces: pa.Table) -> pa.Table:
    """Return faces in the order of `face_id` with valence and arousal of the manifest."""
    values = store.read_faces(workspace, ("face_id", *VA_COLUMNS))
    rows = pc.index_in(faces["face_id"], value_set=values["face_id"].combine_chunks())
    for name in VA_COLUMNS:
        place = faces.schema.get_field_index(name)
        taken = values[name].take(rows)
        faces = faces.append_column(name, taken) if place < 0 else faces.set_column(place, name, taken)
    return faces
