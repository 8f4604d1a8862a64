"""A record of folders that have copies of a workspace's faces, in which `forget` finds them.

There are two such records: of the workspaces that were merged into one, and of its exports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fertools.core import files
from fertools.core.explain import reading
from fertools.core.workspace import Workspace


def read_folders(workspace: Workspace, record: Path) -> list[Path]:
    """Return the folders of a record, whether or not they still exist.

    Args:
        workspace: workspace of the record.
        record: path of the record.

    Raises:
        InputError: the record is damaged.
    """
    if not record.is_file():
        return []
    with reading(record, "is damaged", "remove it, and look for copies of the faces yourself when you forget some"):
        return [workspace.path_of(str(name)) for name in json.loads(record.read_bytes())]


def add_folders(workspace: Workspace, record: Path, folders: Iterable[Path]) -> None:
    """Add folders to a record; those that it has stay where they are.

    Raises:
        InputError: the record is damaged.
        StorageError: the record cannot be written.
    """
    known = read_folders(workspace, record)
    joined = list(dict.fromkeys((*known, *folders)))
    if len(joined) > len(known):
        files.write_json(record, [workspace.name_of(one) for one in joined])
