"""Other folds of the same faces, for complete repetitions of a cross-validation.

The manifest keeps its folds. A recipe with `split_seed` gets the others while it selects its faces.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.splits.characters import assign_beside, find_characters
from fertools.splits.folds import assign_groups_anew
from fertools.splits.groups import group_faces
from fertools.splits.protocol import SplitOptions
from fertools.splits.split import SECTION, count_classes, refuse_lost_classes


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
    groups, names = group_faces(known, workspace.settings().get(SECTION, {}).get("group_by", SplitOptions.group_by))
    characters = find_characters(known, groups, len(names))
    people = ~characters
    if people.sum() <= len(folds):
        raise InputError(
            f"split_seed is {seed}, and each of the {len(folds)} folds holds one person, so there are no other folds; "
            "set split_seed to 0, or split into fewer folds"
        )
    counts, classes = count_classes(known, groups, len(names))
    shares = np.full(len(folds), 1 / len(folds))
    assigned = assign_groups_anew(counts[people], shares, np.random.default_rng(seed))
    refuse_lost_classes(SplitOptions(folds=len(folds)), counts[people], classes, assigned, len(folds))
    assigned = assign_beside(assigned, counts, shares, characters)
    numbers = pa.array(np.array(sorted(folds), np.int32)[assigned[groups]])
    position = pc.index_in(faces["face_id"], value_set=known["face_id"].combine_chunks())
    return store.replace_columns(faces, {"fold": pc.take(numbers, position).combine_chunks()})
