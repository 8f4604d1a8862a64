"""`merge`: several workspaces that were ingested alike become one, byte for byte that of a single ingest.

What every source ends as is decided first (see `fertools.transfer.union`). Then crops are linked or copied, and only
then is the part that names them committed; the manifest is rebuilt from the parts at the end. A merge that was
stopped at any moment is continued by the same command, and one that is through has nothing to do.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.arguments import argument, given
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.extract import flush_crops
from fertools.ingestion.filter import SECTION as FILTER
from fertools.ingestion.filter import kept_from
from fertools.ingestion.ingest import IngestSummary, open_for_writing, summarise
from fertools.ingestion.shards import SECTION, Shard, shard_folders
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES, SOURCES
from fertools.transfer.union import Entry, decide, read_entries


def merge(
    workspace: WorkspaceLike,
    others: Sequence[WorkspaceLike] = (),
    report: Reporter | None = None,
    *,
    copy: bool = False,
) -> IngestSummary:
    """Add what was ingested in other workspaces to this one.

    The others stay as they are. Labels and subjects given in them come along; folds do not, since a split is one of a
    whole dataset.

    Args:
        workspace: where to; it may hold sources already.
        others: what to add; the shards of `workspace` if none are given.
        report: told of progress.
        copy: copy crops even where a hard link could be made.

    Returns:
        The totals of `workspace`.

    Raises:
        InputError: nothing to add, a workspace that was not ingested or whose ingest was stopped, a share that is
            missing, a crop that is gone, or another command at work in one of them.
        ResumeRefused: they were ingested with other options or weights, or hold other content under one name.
        StorageError: the disk is full or cannot be written; what was committed is safe.
    """
    report = report or Silent()
    workspace = Workspace(workspace)
    joined = list(dict.fromkeys(map(Workspace, others))) or [Workspace(path) for path in shard_folders(workspace)]
    if not joined:
        raise InputError(
            f"there is nothing in {workspace.shards}; give the workspaces to join, or ingest with {argument('shard')}"
        )
    if workspace in joined:
        raise InputError(f"{workspace.root} cannot be added to itself; name the result with {argument('workspace')}")
    for other in joined:
        if "ingest" not in other.settings():
            raise InputError(f"nothing was ingested in {other.root}; give workspaces that `fertools ingest` made")
    _refuse_unlike([other for other in (workspace, *joined) if "ingest" in other.settings()])
    _refuse_incomplete(joined)
    open_for_writing(workspace)
    with ExitStack() as held:
        for one in (workspace, *joined):
            # One that lies on a read-only disk is changed by nobody.
            if one is workspace or os.access(one.manifest.parent, os.W_OK):
                held.enter_context(one.locked("a merge"))
        files.remove_unfinished(workspace.crops)
        decided = decide(
            workspace, list(chain.from_iterable(read_entries(workspace, one) for one in (workspace, *joined)))
        )
        for section in ("ingest", FILTER):
            if section in joined[0].settings():
                workspace.save_settings(section, joined[0].settings()[section])
        try:
            new = _carry_out(workspace, decided, report, copy=copy)
        finally:
            store.rebuild(workspace, joined)
    return summarise(workspace, new)


def _refuse_unlike(workspaces: Sequence[Workspace]) -> None:
    """Raise ResumeRefused unless all were ingested with the same options and weights."""
    first = _rule(workspaces[0])
    for other in workspaces[1:]:
        theirs = _rule(other)
        for key in sorted({*first, *theirs}):
            if first.get(key) != theirs.get(key):
                raise ResumeRefused(
                    f"{other.root} was ingested with {key} {theirs.get(key, 'unset')}, and {workspaces[0].root} with "
                    f"{first.get(key, 'unset')}; ingest one of them again with {given('overwrite', True)} and the "
                    "other's options"
                )


def _rule(workspace: Workspace) -> dict[str, Any]:
    """Return the options of an ingest, with those of a later filter."""
    return {**workspace.settings()["ingest"], "kept_from": kept_from(workspace)}


def _refuse_incomplete(workspaces: Sequence[Workspace]) -> None:
    """Raise unless shares, where there are any, are all of one division, of the same files, and finished."""
    records = {one: one.settings()[SECTION] for one in workspaces if SECTION in one.settings()}
    shards = {one: Shard.parse(record["share"]) for one, record in records.items()}
    for one, record in records.items():
        again = f"run `fertools ingest` with {argument('shard')} {shards[one]} again"
        if not record["finished"]:
            raise InputError(f"{one.root} was stopped before its end; {again}")
    if len(counts := sorted({shard.count for shard in shards.values()})) > 1:
        raise InputError(
            f"there are shares of {' and of '.join(map(str, counts))}; name those of one division, such as "
            f"{workspaces[0].root.parent}/*-of-{counts[-1]}"
        )
    missing = {Shard(index, count) for count in counts for index in range(1, count + 1)}.difference(shards.values())
    if missing:
        lost = min(missing, key=lambda shard: shard.index)
        raise InputError(
            f"the share {lost} is missing; run `fertools ingest` with {argument('shard')} {lost} and merge then"
        )
    if len({record["listing"] for record in records.values()}) > 1:
        counts = sorted({record["files"] for record in records.values()})
        raise ResumeRefused(
            f"the shares were parted from other lists of files ({' and '.join(map(str, counts))} files); run "
            f"`fertools ingest` with each {argument('shard')} again on the same folders, then merge"
        )


def _carry_out(workspace: Workspace, decided: Sequence[Entry], report: Reporter, *, copy: bool) -> int:
    """Write what was decided; return how many sources that adds."""
    parts: dict[tuple[Workspace, Path], list[Entry]] = {}
    for entry in decided:
        parts.setdefault((entry.workspace, entry.part), []).append(entry)
    own = {part for one, part in parts if one == workspace}
    for part in sorted({*own, *workspace.parts.glob("*.sources.parquet")}):
        # Its faces stay as they are: only a source that failed, and so has none, gives way to another row.
        table = SOURCES.table([entry.row for entry in parts.pop((workspace, part), [])]).sort_by(SOURCES.key)
        if not table.equals(store.read_table(part, SOURCES)):
            store.write_table(part, SOURCES, table)
    report.start(sum(map(len, parts.values())))
    done = faces_done = 0
    for (other, part), entries in parts.items():
        sources = SOURCES.table([entry.row for entry in entries])
        faces = store.read_table(part.with_name(part.name.replace(".sources.", ".faces.")), FACES)
        faces = nested.keep(faces, pc.is_in(faces["source_id"], value_set=sources["source_id"].combine_chunks()))
        for path in _crops(other, faces):
            _bring(other.root / path, workspace.root / path, copy=copy)
        flush_crops()
        name = hash_bytes(b"merged", *sorted(str(entry.row["source_id"]).encode() for entry in entries))
        store.commit_part(workspace, name, faces, sources)
        done, faces_done = done + len(entries), faces_done + len(faces)
        report.advance(done, faces=faces_done)
    return done


def _crops(workspace: Workspace, faces: pa.Table) -> Iterator[PurePosixPath]:
    """Yield where the crops of `faces` lie below the root: those that are named, and others made beside them."""
    folders = [folder.name for folder in workspace.crops.glob("*-*") if folder.is_dir()]
    for named in faces["path"].to_pylist():
        path = PurePosixPath(named)
        yield path
        for folder in folders:
            for suffix in (".jpg", ".png"):
                other = path.parents[1] / folder / path.parent.name / f"{path.stem}{suffix}"
                if (workspace.root / other).is_file():
                    yield other


def _bring(old: Path, new: Path, *, copy: bool) -> None:
    """Make `new` the same file as `old`, or a copy of it where there can be no hard link.

    A crop is never changed in place, only replaced by another file, so that the two workspaces may share one.
    """
    try:
        size = old.stat().st_size
    except FileNotFoundError as error:
        raise InputError(
            f"the crop {old} is gone; put it back, or ingest again there with {given('overwrite', True)}"
        ) from error
    if new.is_file() and new.stat().st_size == size:
        return
    with files.replacing(new, flush=False) as temporary:
        try:
            if copy:
                shutil.copyfile(old, temporary)
            else:
                temporary.hardlink_to(old)
        except OSError:
            # Another disk, or one without links.
            shutil.copyfile(old, temporary)
