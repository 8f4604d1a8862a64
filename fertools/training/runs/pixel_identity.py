"""The pixels of a run: a digest of each face, recorded when the run begins and compared whenever it is used.

The manifest lists the crops of a run, but not their content. If crops were overwritten between two calls, a run would
learn from two sets of faces, or its metrics would describe different test faces.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable

import numpy as np
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.errors import ResumeRefused
from fertools.core.hashing import DIGEST_BYTES, hash_bytes
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.training.data.pixel_cache import Digests, load_digests
from fertools.training.data.selection import Selection
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import Record

_NAME_BYTES = 8


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
    stream = io.BytesIO()
    np.save(stream, np.hstack([_name_digests(job.selection), digests]), allow_pickle=False)
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


def find_differing(folders: Iterable[RunFolder]) -> tuple[RunFolder, RunFolder] | None:
    """Return two runs that trained on or tested different pixels of the same real face; None if there are none.

    Runs that began before their pixels were recorded, or whose record is damaged, are left out.
    """
    known: dict[bytes, tuple[bytes, RunFolder]] = {}
    for folder in folders:
        if (recorded := _read(folder)) is None:
            continue
        for row in recorded[recorded[:, :_NAME_BYTES].any(axis=1)]:
            name, pixels = row[:_NAME_BYTES].tobytes(), row[_NAME_BYTES:].tobytes()
            first, other = known.setdefault(name, (pixels, folder))
            if first != pixels:
                return other, folder
    return None


def was_given(folder: RunFolder, faces: Iterable[str]) -> bool | None:
    """Return whether a run was given one of some real faces, to train on or to test; None if its pixels are unknown.

    Args:
        folder: folder of the run.
        faces: identifiers of the faces.
    """
    if (recorded := _read(folder)) is None:
        return None
    names = {row.tobytes() for row in recorded[:, :_NAME_BYTES]}
    return not names.isdisjoint(_digest_name(face) for face in faces)


def _digest_name(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_NAME_BYTES).digest()


def _name_digests(selection: Selection) -> np.ndarray:
    """Return a digest of the name of each face; zeros for generated faces, which each run names by itself."""
    tables = [faces.table for faces in selection.domains.values()]
    names = [name for table in tables for name in table["face_id"].to_pylist()]
    digests = b"".join(map(_digest_name, names))
    generated = np.concatenate([np.asarray(pc.is_valid(table["parent_id"])) for table in tables])
    return np.where(generated[:, None], 0, np.frombuffer(digests, np.uint8).reshape(len(names), _NAME_BYTES))


def _digests(workspace: Workspace, selection: Selection, record: Record, report: Reporter | None) -> Digests:
    """Return the digests of all domains' faces, one domain after another."""
    size_px = record["recipe"]["image_size"]["value"]
    parts = [load_digests(workspace, faces, size_px, workspace.pixels, report) for faces in selection.domains.values()]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _changed(folder: RunFolder, digests: Digests) -> np.ndarray | None:
    """Return the row numbers of faces with changed pixels; None if the run's digests cannot be compared."""
    recorded = _read(folder)
    if recorded is None or len(recorded) != len(digests):
        return None
    changed = np.flatnonzero((recorded[:, _NAME_BYTES:] != digests).any(axis=1))
    return changed if len(changed) else None


def _read(folder: RunFolder) -> np.ndarray | None:
    """Return the recorded digests, Nx(8+B) uint8; None if they are missing or damaged."""
    try:
        recorded: np.ndarray = np.load(folder.pixels_path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return recorded if recorded.dtype == np.uint8 and recorded.shape[1:] == (_NAME_BYTES + DIGEST_BYTES,) else None
