"""The parts of a split as columns of the manifest: numbered folds, or the named parts of a hold-out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import given
from fertools.core.errors import CheckFailed
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.folds import Integers
from fertools.splits.protocol import SplitOptions


def refuse_leaks(finished: pa.Table, options: SplitOptions) -> None:
    """Raise CheckFailed if a person is in two parts."""
    if leaks := find_leaks(finished, by_source=options.group_by == "source"):
        raise CheckFailed(
            f"the split has {len(leaks)} leaks, the first: {leaks[0]}; split again with {given('overwrite', True)}"
        )


def with_parts(kept: pa.Table, parts: Integers, options: SplitOptions) -> pa.Table:
    """Return faces with their part numbers in the columns `fold` or `split`; -1 is no part."""
    none = parts < 0
    columns = {"fold": pa.nulls(len(kept), pa.int32()), "split": pa.nulls(len(kept), pa.string())}
    if options.holdout is None:
        columns["fold"] = pa.array(parts.astype(np.int32), mask=none)
    else:
        names = pa.array(options.held_out_parts, pa.string())
        columns["split"] = names.take(pa.array(parts, mask=none))
    for name, values in columns.items():
        kept = kept.set_column(kept.schema.get_field_index(name), FACES.arrow.field(name), values)
    return kept


def parts_of(kept: pa.Table, options: SplitOptions) -> Integers:
    """Return the part numbers that `with_parts` wrote; -1 for a face without one."""
    if options.holdout is None:
        return np.asarray(pc.fill_null(kept["fold"], -1).to_numpy(), np.int64)
    found = pc.index_in(kept["split"], value_set=pa.array(options.held_out_parts, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def write_parts(workspace: Workspace, finished: pa.Table) -> None:
    """Write the parts of the kept faces into the manifest, which has them in the same order; rejected ones get none."""
    status = store.read_faces(workspace, ("status",))["status"]
    place = pc.cumulative_sum(pc.cast(pc.equal(status, "kept"), pa.int32()).combine_chunks())
    rows = pc.if_else(pc.equal(status.combine_chunks(), "kept"), pc.subtract(place, 1), None)
    columns = {name: finished[name].combine_chunks().take(rows) for name in ("fold", "split")}
    store.write_columns(workspace.manifest, FACES, columns)
