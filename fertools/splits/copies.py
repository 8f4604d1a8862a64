"""Find copies of one picture that would otherwise be in two groups of a split."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.splits.audit.near_duplicates import find_copies
from fertools.splits.audit.picture_hash import describe_pictures
from fertools.splits.folds import Integers
from fertools.splits.groups import group_faces
from fertools.splits.protocol import GroupBy


def find_links(workspace: Workspace, kept: pa.Table, group_by: GroupBy) -> tuple[list[str], Integers]:
    """Return the pairs of copies that join two groups: equal, nearly equal or mirrored pictures.

    Args:
        workspace: the workspace of the pictures.
        kept: the kept faces, in the order of the manifest.
        group_by: what a split keeps together besides copies.

    Returns:
        The pairs as two `face_id` with a blank between, and as L x 2 row numbers.
    """
    groups, names = group_faces(kept, group_by)
    table = store.read_faces(workspace, ("path",), [("status", "=", "kept")])
    paths = [None if path is None else workspace.root / path for path in table["path"].to_pylist()]
    # Frames of one group look alike, and they stay together in any case.
    pairs = find_copies(describe_pictures(paths), paths, groups).pairs
    joined = np.sort(groups[pairs], axis=1)
    _, firsts = np.unique(joined[:, 0] * len(names) + joined[:, 1], return_index=True)
    pairs = pairs[firsts][joined[firsts, 0] != joined[firsts, 1]]
    faces = kept["face_id"].take(pa.array(pairs.ravel())).to_pylist()
    return [f"{one} {other}" for one, other in zip(faces[::2], faces[1::2], strict=True)], pairs
