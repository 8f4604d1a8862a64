"""The record of the workspaces that were merged into one, in which `forget` finds copies of the same faces."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fertools.core import files
from fertools.core.explain import reading
from fertools.core.workspace import Workspace


def merged_workspaces(workspace: Workspace) -> list[Workspace]:
    """Return the workspaces that were merged into a workspace, whether or not they still exist.

    Raises:
        InputError: the record is damaged.
    """
    if not workspace.merged.is_file():
        return []
    with reading(workspace.merged, "is damaged", "remove it, and name the other workspaces when you forget faces"):
        return [Workspace(workspace.path_of(str(name))) for name in json.loads(workspace.merged.read_bytes())]


def record_merged(workspace: Workspace, others: Sequence[Workspace]) -> None:
    """Add workspaces to the record; shares are not recorded, because they are found below the workspace.

    Raises:
        StorageError: the record cannot be written.
    """
    known = merged_workspaces(workspace)
    new = [one for one in others if one not in known and not one.root.is_relative_to(workspace.shards)]
    if new:
        files.write_json(workspace.merged, [workspace.name_of(one.root) for one in (*known, *new)])
