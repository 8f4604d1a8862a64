"""The pixels of a run: a digest of each face, recorded when the run begins and compared whenever it is used.

The manifest lists the crops of a run, but not their content. If crops were overwritten between two calls, a run would
learn from two sets of faces, or its metrics would describe different test faces.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.training.data.pixel_cache import Digests, load_digests
from fertools.training.data.selection import Selection
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import Record
from fertools.training.runs.recorded_pixels import read_pixels, write_pixels


def record_pixels(job: Job, old: Record | None, remedy: str) -> None:
    """Record the pixels of a new run, or refuse to resume a run with other pixels.

    Args:
        job: the run, whose folder and record are updated. The first process reads crops that are not cached yet.
        old: record of an earlier call; None for a new run.
        remedy: what to do if the pixels differ, for the message.

    Raises:
        ResumeRefused: see `refuse_changed_pixels`.
        InputError: a crop is missing or cannot be read.
        StorageError: the disk is full.
    """
    if not job.process_group.is_first:
        return
    if old is not None:
        refuse_changed_pixels(job.workspace, job.selection, job.folder, old, remedy, job.report)
        job.record["data"]["pixels"] = old["data"]["pixels"]
        return
    digests = _digests(job.workspace, job.selection, job.record, job.report)
    tables = [faces.table for faces in job.selection.domains.values()]
    names = [name for table in tables for name in table["face_id"].to_pylist()]
    generated = np.concatenate([np.asarray(pc.is_valid(table["parent_id"])) for table in tables])
    write_pixels(job.folder, names, generated, digests)
    job.record["data"]["pixels"] = hash_bytes(digests.tobytes())


def refuse_changed_pixels(
    workspace: Workspace,
    selection: Selection,
    folder: RunFolder,
    record: Record,
    remedy: str,
    report: Reporter | None = None,
) -> None:
    """Raise if the crops of a run have changed since it began.

    Args:
        workspace: workspace with the crops.
        selection: faces of the run.
        folder: folder of the run.
        record: content of its `run.json`.
        remedy: what to do if they have changed, for the message.
        report: reporter of progress, used if crops have to be read.

    Raises:
        ResumeRefused: crops have changed; the message has their number and the first one.
        InputError: a crop is missing or cannot be read.
    """
    digests = _digests(workspace, selection, record, report)
    if (known := record["data"].get("pixels")) == hash_bytes(digests.tobytes()):
        return
    run = f"{record['system']}/{record['run']}"
    if known is None:
        raise ResumeRefused(f"{run} has no record of its pixels, as an earlier fertools began it; {remedy}")
    changed = _changed(folder, digests)
    if changed is None:
        raise ResumeRefused(f"crops have changed since {run} was begun; {remedy}")
    paths = [path for faces in selection.domains.values() for path in faces.table["path"].to_pylist()]
    first = paths[int(changed[0])]
    raise ResumeRefused(
        f"{len(changed):,} of {len(digests):,} crops have changed since {run} was begun, the first {first}; {remedy}"
    )


def _digests(workspace: Workspace, selection: Selection, record: Record, report: Reporter | None) -> Digests:
    """Return the digests of all domains' faces, one domain after another."""
    size_px = record["recipe"]["image_size"]["value"]
    parts = [load_digests(workspace, faces, size_px, workspace.pixels, report) for faces in selection.domains.values()]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _changed(folder: RunFolder, digests: Digests) -> np.ndarray | None:
    """Return the row numbers of faces with changed pixels; None if the run's digests cannot be compared."""
    recorded = read_pixels(folder)
    if recorded is None or len(recorded[1]) != len(digests):
        return None
    changed = np.flatnonzero((recorded[1] != digests).any(axis=1))
    return changed if len(changed) else None
