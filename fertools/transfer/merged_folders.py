"""The workspaces that were merged into one, and have copies of the same faces."""

from __future__ import annotations

from collections.abc import Sequence

from fertools.core.workspace import Workspace
from fertools.transfer.folder_record import add_folders, read_folders


def merged_workspaces(workspace: Workspace) -> list[Workspace]:
    """Return the workspaces that were merged into a workspace, whether or not they still exist.

    Raises:
        InputError: the record is damaged.
    """
    return list(map(Workspace, read_folders(workspace, workspace.merged)))


def record_merged(workspace: Workspace, others: Sequence[Workspace]) -> None:
    """Add workspaces to the record; shares are not recorded, because they are found below the workspace.

    Raises:
        StorageError: the record cannot be written.
    """
    new = [one.root for one in others if not one.root.is_relative_to(workspace.shards)]
    add_folders(workspace, workspace.merged, new)
