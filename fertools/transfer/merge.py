"""`merge`: join workspaces that were ingested with the same options; the result equals a single ingest byte for byte.

The outcome of every source is decided first (`fertools.transfer.union`). Then the crops of each part are linked or
copied, and only then the part is committed. At the end the manifest is rebuilt from the parts. The same command
continues an interrupted merge, and does nothing after a finished one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls, files
from fertools.core.arguments import argument, given
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.dataset_sources import SECTION as TERMS
from fertools.ingestion.extract import flush_crops
from fertools.ingestion.filter import SECTION as FILTER
from fertools.ingestion.filter import kept_from
from fertools.ingestion.frame_selection import SECTION as SELECT
from fertools.ingestion.frame_selection import join_rules, rebuild_selected
from fertools.ingestion.ingest import IngestSummary, open_for_writing, summarise
from fertools.ingestion.shards import SECTION, Shard, shard_folders
from fertools.ingestion.source_options import SECTION as DESCRIBED
from fertools.ingestion.source_options import join_source_options
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.tombstones import Tombstones
from fertools.transfer.merged_folders import record_merged
from fertools.transfer.obedience import filter_forgotten, joined_tombstones, obey_tombstones
from fertools.transfer.union import UnitedPart, unite


def merge(
    workspace: WorkspaceLike,
    others: Sequence[WorkspaceLike] = (),
    report: Reporter | None = None,
    *,
    copy: bool = False,
) -> IngestSummary:
    """Add the sources and faces of other workspaces to a workspace.

    The other workspaces are not changed. Their labels and subjects are added, too, but not their folds, because a split
    belongs to a whole dataset. What one of the workspaces has forgotten is left out, and removed from `workspace`.

    Args:
        workspace: the workspace to add to; it may already have sources.
        others: the workspaces to add; by default the shards of `workspace`.
        report: receives the progress.
        copy: copy crops even where hard links are possible.

    Returns:
        The totals of `workspace`.

    Raises:
        InputError: there is nothing to add, an ingest was interrupted or never ran, a share or a crop is missing, or
            another command is running in one of the workspaces.
        ResumeRefused: the workspaces have different options, weights or selected frames, or different content under
            one name.
        StorageError: the disk is full or cannot be written; everything committed is safe.
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
            raise InputError(f"nothing was ingested in {other.root}; give workspaces that {calls.INGEST} made")
    _refuse_unlike([other for other in (workspace, *joined) if "ingest" in other.settings()])
    described = join_source_options([workspace, *joined])
    selected = join_rules([workspace, *joined])
    _refuse_incomplete(joined)
    open_for_writing(workspace)
    with ExitStack() as held:
        for one in (workspace, *joined):
            # A workspace on a read-only disk needs no lock, because nobody can change it.
            if one is workspace or os.access(one.manifest.parent, os.W_OK):
                held.enter_context(one.locked("a merge"))
        files.remove_unfinished(workspace.crops)
        record_merged(workspace, joined)
        tombstones = obey_tombstones(workspace, joined_tombstones(workspace, joined))
        united = unite(workspace, (workspace, *joined), tombstones)
        for section in ("ingest", FILTER):
            if section in joined[0].settings():
                workspace.save_settings(section, joined[0].settings()[section])
        workspace.save_settings(DESCRIBED, described)
        if selected:
            workspace.save_settings(SELECT, selected)
        if terms := {
            name: told for one in (workspace, *joined) for name, told in one.settings().get(TERMS, {}).items()
        }:
            workspace.save_settings(TERMS, terms)
        try:
            new = _carry_out(workspace, united, report, tombstones, copy=copy)
        finally:
            rebuild_selected(workspace, joined)
    return summarise(workspace, new)


def _refuse_unlike(workspaces: Sequence[Workspace]) -> None:
    """Raise ResumeRefused unless all workspaces were ingested with the same options and weights."""
    first = _options(workspaces[0])
    for other in workspaces[1:]:
        theirs = _options(other)
        for key in sorted({*first, *theirs}):
            if first.get(key) != theirs.get(key):
                raise ResumeRefused(
                    f"{other.root} was ingested with {key} {theirs.get(key, 'unset')}, and {workspaces[0].root} with "
                    f"{first.get(key, 'unset')}; ingest one of them again with {given('overwrite', True)} and the "
                    "other's options"
                )


def _options(workspace: Workspace) -> dict[str, Any]:
    """Return the options of an ingest, including those of a later filter."""
    return {**workspace.settings()["ingest"], "kept_from": kept_from(workspace)}


def _refuse_incomplete(workspaces: Sequence[Workspace]) -> None:
    """Raise unless all shares are finished and belong to one division of the same files."""
    records = {one: one.settings()[SECTION] for one in workspaces if SECTION in one.settings()}
    shards = {one: Shard.parse(record["share"]) for one, record in records.items()}
    for one, record in records.items():
        again = f"run {calls.INGEST} with {argument('shard')} {shards[one]} again"
        if not record["finished"]:
            raise InputError(f"the ingest of {one.root} was interrupted; {again}")
    if len(counts := sorted({shard.count for shard in shards.values()})) > 1:
        raise InputError(
            f"there are shares of {' and of '.join(map(str, counts))}; give shares of one division, such as "
            f"{workspaces[0].root.parent}/*-of-{counts[-1]}"
        )
    missing = {Shard(index, count) for count in counts for index in range(1, count + 1)}.difference(shards.values())
    if missing:
        lost = min(missing, key=lambda shard: shard.index)
        raise InputError(f"the share {lost} is missing; run {calls.INGEST} with {argument('shard')} {lost}, then merge")
    if len({record["listing"] for record in records.values()}) > 1:
        counts = sorted({record["files"] for record in records.values()})
        raise ResumeRefused(
            f"the shares come from different lists of files ({' and '.join(map(str, counts))} files); run "
            f"{calls.INGEST} with each {argument('shard')} again on the same folders, then merge"
        )


def _carry_out(
    workspace: Workspace, united: Sequence[UnitedPart], report: Reporter, tombstones: Tombstones, *, copy: bool
) -> int:
    """Write the sources of a union with their faces; return the number of added sources."""
    own = {one.part: one.sources for one in united if one.workspace == workspace}
    for part in sorted(workspace.parts.glob("*.sources.parquet")):
        # Its faces do not change: only a failed source, which has no faces, is replaced by another row.
        table = own.get(part, SOURCES.arrow.empty_table())
        if not table.equals(store.read_table(part, SOURCES)):
            store.write_table(part, SOURCES, table)
    others = [one for one in united if one.workspace != workspace]
    report.start(sum(len(one.sources) for one in others))
    done = faces_done = 0
    for one in others:
        old = store.faces_beside(one.part)
        # Every byte is read, so that a damaged file is refused before it is a part of the result.
        every_face = store.read_table(old, FACES)
        ids = one.sources["source_id"].combine_chunks()
        faces, sources = _faces_of(every_face, ids), one.sources
        if tombstones:
            faces, sources = filter_forgotten(faces, sources, tombstones)
        for path in _crops(one.workspace, faces):
            _link_crop(one.workspace.root / path, workspace.root / path, copy=copy)
        name = hash_bytes(b"merged", *sorted(source.encode() for source in ids.to_pylist()))
        if len(faces) == len(every_face):
            _link_or_copy(old, store.faces_of_part(workspace, name), copy=copy)
        else:
            store.write_table(store.faces_of_part(workspace, name), FACES, faces)
        flush_crops()
        store.commit_sources(workspace, name, sources)
        done, faces_done = done + len(ids), faces_done + len(faces)
        report.advance(done, faces=faces_done)
    return done


def _faces_of(faces: pa.Table, sources: pa.Array) -> pa.Table:
    """Return the faces of some sources; the same table if these are all."""
    mask = pc.is_in(faces["source_id"], value_set=sources)
    return faces if pc.all(mask, min_count=0).as_py() else nested.keep(faces, mask)


def _crops(workspace: Workspace, faces: pa.Table) -> Iterator[PurePosixPath]:
    """Yield the relative paths of the crops of `faces`: those in the manifest, and additional ones."""
    folders = [folder.name for folder in workspace.crops.glob("*-*") if folder.is_dir()]
    for named in faces["path"].drop_null().to_pylist():
        path = PurePosixPath(named)
        yield path
        for folder in folders:
            for suffix in (".jpg", ".png"):
                other = path.parents[1] / folder / path.parent.name / f"{path.stem}{suffix}"
                if (workspace.root / other).is_file():
                    yield other


def _link_crop(old: Path, new: Path, *, copy: bool) -> None:
    """Put a crop into another workspace, unless it is there."""
    try:
        size = old.stat().st_size
    except FileNotFoundError as error:
        raise InputError(
            f"the crop {old} is missing; restore it, or ingest again there with {given('overwrite', True)}"
        ) from error
    if not (new.is_file() and new.stat().st_size == size):
        _link_or_copy(old, new, copy=copy)


def _link_or_copy(old: Path, new: Path, *, copy: bool) -> None:
    """Make `new` a hard link to `old`, or a copy if no link is possible.

    Crops and tables are never changed in place, only replaced, so two workspaces may share a file.
    """
    with files.replacing(new, flush=False) as temporary:
        try:
            if copy:
                shutil.copyfile(old, temporary)
            else:
                temporary.hardlink_to(old)
        except OSError:
            # Another disk, or one without links.
            shutil.copyfile(old, temporary)
