"""Changing the manifest: read under a lock, so that no other command writes between."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow as pa

from fertools.core.locking import exclusive
from fertools.core.workspace import Workspace
from fertools.manifests import store


@contextlib.contextmanager
def changing(workspace: Workspace, purpose: str) -> Iterator[pa.Table]:
    """Yield the whole manifest while this process alone may write it; the caller writes it if it changed.

    Args:
        workspace: whose manifest.
        purpose: what is being done, for the message to a second comer, such as `a split`.

    Raises:
        InputError: there is no manifest, or another command is changing it.
        SchemaError: the manifest is of another schema version.
    """
    if not workspace.manifest.is_file():
        # Before the lock, which would make folders in what is not a workspace.
        store.read_faces(workspace)
    with exclusive(workspace.lock_path, purpose):
        yield store.read_faces(workspace)
