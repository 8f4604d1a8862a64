"""Which pixels a run has seen: a digest of each face's, recorded when it begins and compared ever after.

The manifest says which crops a run reads, and not what is in them. Who overwrites crops between two starts would have
one run learn from two sets of faces, or be tested on faces that its other figures do not speak of.
"""

from __future__ import annotations

import io

import numpy as np

from fertools.core import files
from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.training.data.pixel_cache import Digests, load_digests
from fertools.training.data.selection import Selection
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import Record


def record_pixels(job: Job, old: Record | None, remedy: str) -> None:
    """Write down which pixels a run sees that begins now, or refuse to go on with others.

    Args:
        job: whose folder and record are told; the first process reads crops where nobody has yet.
        old: the record that an earlier call left, None for a run that begins now.
        remedy: what to do otherwise, for the message.

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
    stream = io.BytesIO()
    np.save(stream, digests, allow_pickle=False)
    files.write_bytes(job.folder.pixels_path, stream.getvalue())
    job.record["data"]["pixels"] = hash_bytes(digests.tobytes())


def refuse_changed_pixels(
    workspace: Workspace,
    selection: Selection,
    folder: RunFolder,
    record: Record,
    remedy: str,
    report: Reporter | None = None,
) -> None:
    """Raise unless the crops of a run's faces hold what they held when it began.

    Args:
        workspace: whose crops.
        selection: faces of the run.
        folder: of the run.
        record: the content of its `run.json`.
        remedy: what to do otherwise, for the message.
        report: told if crops have to be read.

    Raises:
        ResumeRefused: they do not; the message says how many, and names the first.
        InputError: a crop is missing or cannot be read.
    """
    digests = _digests(workspace, selection, record, report)
    if (known := record["data"].get("pixels")) == hash_bytes(digests.tobytes()):
        return
    run = f"{record['system']}/{record['run']}"
    if known is None:
        raise ResumeRefused(f"nothing says which pixels {run} has seen, as an earlier fertools began it; {remedy}")
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
    """Return the positions of faces whose pixels are others than a run recorded; None where it does not say."""
    try:
        recorded = np.load(folder.pixels_path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if recorded.shape != digests.shape:
        return None
    changed = np.flatnonzero((recorded != digests).any(axis=1))
    return changed if len(changed) else None
