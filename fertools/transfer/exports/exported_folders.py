"""The exports of a workspace, which have copies of its faces."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fertools.core.errors import SchemaError
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace
from fertools.transfer.exports.description import TABLE_NAME
from fertools.transfer.folder_record import add_folders, read_folders


def record_export(workspace: Workspace, folder: Path) -> None:
    """Record the folder of an export.

    Raises:
        InputError: the record is damaged.
        StorageError: the record cannot be written.
    """
    add_folders(workspace, workspace.exports, [folder])


def exports_with(workspace: Workspace, faces: Collection[str]) -> tuple[str, ...]:
    """Return the exports that have one of some faces, or may have.

    An export may have any face if it is not finished or cannot be read. Folders that are gone are left out.

    Args:
        workspace: the workspace.
        faces: identifiers of faces.

    Raises:
        InputError: the record is damaged.
    """
    folders = read_folders(workspace, workspace.exports) if faces else []
    return tuple(str(folder) for folder in folders if folder.is_dir() and _may_have(folder, set(faces)))


def _may_have(folder: Path, faces: set[str]) -> bool:
    if not any(folder.iterdir()):
        return False
    try:
        rows = read_parquet(folder / TABLE_NAME, ["face_id"], remedy="export again")
    except SchemaError:
        return True
    return not faces.isdisjoint(rows["face_id"].to_pylist())
