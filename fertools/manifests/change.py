"""Change the manifest: read it under a lock, so that no other command writes in the meantime."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.parquet import Filters
from fertools.core.workspace import Workspace
from fertools.manifests import store


@contextlib.contextmanager
def changing(
    workspace: Workspace, purpose: str, columns: Sequence[str] | None = None, filters: Filters | None = None
) -> Iterator[pa.Table]:
    """Yield the manifest, or some of it, while holding its lock; the caller writes the changes inside the block.

    Args:
        workspace: the workspace of the manifest.
        purpose: name of the operation, such as `a split`, for the error of a second command.
        columns: names of the wanted columns; None for all.
        filters: conditions that must all hold, as for `fertools.manifests.store.read_faces`.

    Raises:
        InputError: there is no manifest, or another command is changing it.
        SchemaError: the manifest has another schema version.
    """
    if not workspace.manifest.is_file():
        # Taking the lock would create folders in a folder that is not a workspace.
        store.read_faces(workspace)
    with workspace.locked(purpose):
        yield store.read_faces(workspace, columns, filters)


def differs(before: pa.Table, after: pa.Table, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which rows differ in at least one of the columns `names`; two nulls are equal."""
    changed = np.zeros(len(before), bool)
    for name in names:
        same = pc.fill_null(pc.equal(before[name], after[name]), False)
        both_null = pc.and_(pc.is_null(before[name]), pc.is_null(after[name]))
        changed |= ~pc.or_(same, both_null).to_numpy()
    return changed
