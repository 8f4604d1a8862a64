"""What `merge` and `pull` do about tombstones: remove what another copy has forgotten, and take in nothing of it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests.removal import without
from fertools.manifests.tombstones import Tombstones, add_tombstones, read_tombstones
from fertools.transfer.forget_target import find_forgotten
from fertools.transfer.forget_workspace import erase
from fertools.transfer.merge_base import State


def obey_tombstones(workspace: Workspace, tombstones: Tombstones) -> Tombstones:
    """Remove from a workspace what another copy of it has forgotten, and return the tombstones of both.

    Args:
        workspace: the workspace, whose lock the caller holds.
        tombstones: those of the other copy.

    Raises:
        InputError: a file in the workspace is damaged.
        StorageError: a file cannot be written; the same call continues.
    """
    known = add_tombstones(workspace, tombstones)
    if known and workspace.manifest.is_file() and (target := find_forgotten(workspace, known)):
        known = add_tombstones(workspace, target.tombstones(workspace))
        erase(workspace, target, write=True)
    return known


def joined_tombstones(workspace: Workspace, others: Sequence[Workspace]) -> Tombstones:
    """Return the tombstones of a workspace and of those that are merged into it.

    The same subject may be another person in a workspace of another origin, so those tombstones hold for shares only.
    """
    known = read_tombstones(workspace)
    for other in others:
        theirs = read_tombstones(other)
        known = known.joined(theirs if other.root.is_relative_to(workspace.shards) else theirs.without_subjects())
    return known


def filter_forgotten(faces: pa.Table, sources: pa.Table, tombstones: Tombstones) -> tuple[pa.Table, pa.Table]:
    """Return tables of faces and sources without what is forgotten; see `fertools.manifests.removal.without`."""
    gone_faces, gone_sources = tombstones.select(faces, sources)
    if not gone_faces and not gone_sources:
        return faces, sources
    return without(faces, sources, gone_faces, gone_sources)


def without_forgotten(state: State, tombstones: Tombstones) -> State:
    """Return the state of a store without what is forgotten, so that no merge base names it."""
    gone = tombstones.among("face", state.labels["face_id"].to_pylist())
    labels = state.labels.filter(
        pc.invert(pc.is_in(state.labels["face_id"], value_set=pa.array(sorted(gone), pa.string())))
    )
    # The part of a video has its identifier as its name.
    parts = {part: digest for part, digest in state.parts.items() if not tombstones.has("source", part)}
    return State(state.settings, parts, labels)
