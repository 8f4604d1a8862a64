"""Changing the manifest: read under a lock, so that no other command writes between."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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
    with workspace.locked(purpose):
        yield store.read_faces(workspace)


def differs(before: pa.Table, after: pa.Table, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which rows differ in one of the columns `names`; null is like null."""
    changed = np.zeros(len(before), bool)
    for name in names:
        same = pc.fill_null(pc.equal(before[name], after[name]), False)
        both_null = pc.and_(pc.is_null(before[name]), pc.is_null(after[name]))
        changed |= ~pc.or_(same, both_null).to_numpy()
    return changed
