"""The record of a split in `fertools.toml`: its options, the faces it was made for, and the copies that it joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.splits.folds import Integers
from fertools.splits.groups import NO_LINKS
from fertools.splits.protocol import SplitOptions

SECTION = "split"
"""Section of `fertools.toml` with the record of the split."""
_MEMBERSHIP = ("face_id", "source_id", "subject_id", "subject_origin", "parent_id", "pair_id", "modality")
"""Columns that determine the groups; a change in one of them invalidates an existing split."""
_SEQUENCE = ("dataset", "sequence_id")
"""Further such columns of a manifest with sequences; splits of others were recorded without them."""


def read_record(workspace: Workspace) -> dict[str, Any] | None:
    """Return the record of the split of a workspace; None if there is none."""
    return workspace.settings().get(SECTION)


def write_record(
    workspace: Workspace, options: SplitOptions, kept: pa.Table, links: list[str], *, before: bool = False
) -> None:
    """Write the record of a split.

    Args:
        workspace: the workspace.
        options: options of the split.
        kept: the faces with a part.
        links: copies that join groups, as pairs of `face_id` with a blank between.
        before: whether to keep what the last record says of its faces, because the manifest still has these parts.
    """
    digests = {"membership": digest_membership(kept), "assignment": digest_assignment(kept)}
    values = options.record() | {"faces": len(kept)} | digests
    if before:
        old = read_record(workspace) or {}
        old = old.get("before", old) if old.get("faces") == len(kept) else old
        values["before"] = {name: old[name] for name in ("faces", *digests)}
    workspace.save_settings(SECTION, values | ({"links": links} if links else {}))


def digest_membership(kept: pa.Table) -> str:
    """Return a digest of what determines the groups of some faces."""
    sequences = kept["sequence_id"].null_count < len(kept)
    return store.fingerprint(kept, _MEMBERSHIP + (_SEQUENCE if sequences else ()))


def digest_assignment(kept: pa.Table) -> str:
    """Return a digest of the parts of some faces."""
    return store.fingerprint(kept, ("face_id", "fold", "split"))


def recorded_links(record: Mapping[str, Any] | None, faces: pa.ChunkedArray) -> Integers:
    """Return L x 2 row numbers of the faces that a record keeps together as copies; faces that are gone are left out.

    Args:
        record: the record of a split, or None.
        faces: the N `face_id`. Of equal ones, the first counts.
    """
    pairs = [str(pair).split(" ") for pair in (record or {}).get("links", [])]
    names = pa.array([name for pair in pairs if len(pair) == 2 for name in pair], pa.string())
    if not len(names):
        return NO_LINKS
    # Only the copies are looked up, because a table of all identifiers would need much memory.
    rows = np.flatnonzero(pc.is_in(faces, value_set=names).to_numpy())
    present = faces.take(pa.array(rows)).combine_chunks()
    places = np.asarray(pc.fill_null(pc.index_in(names, value_set=present), -1), np.int64)
    links = np.append(rows, -1)[places].reshape(-1, 2)
    return links[(links >= 0).all(axis=1)]
