"""`pull`: copy a workspace, or changes of it, from object storage.

Only parts with a sources table count, as on a disk. Therefore an interrupted or running push yields fewer parts, but
never an incomplete one. The manifest is not copied: it is rebuilt from the parts and takes the labels of the store.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from fertools.core import files, products
from fertools.core.arguments import argument
from fertools.core.errors import FertoolsError, InputError, StorageError
from fertools.core.objects import ObjectStore
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import SETTINGS_HEADER, Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.manifests.schema import FACES, LABEL_COLUMNS, SOURCES
from fertools.manifests.tombstones import read_tombstones
from fertools.transfer.forget_store import FORGOTTEN, read_remote_tombstones, to_bytes
from fertools.transfer.inventory import (
    MANIFEST,
    SETTINGS,
    SOURCES_TABLE,
    CopySummary,
    crops_in,
    in_batches,
    part_name,
    read_content,
    read_remote_state,
    shares_in,
)
from fertools.transfer.merge_base import local_state, read_merge_bases, write_merge_base
from fertools.transfer.obedience import filter_forgotten, obey_tombstones, without_forgotten
from fertools.transfer.three_way import Preference, merge_labels, three_way_merge, unfinished


def pull(
    workspace: WorkspaceLike,
    url: str,
    report: Reporter | None = None,
    *,
    crops: bool = False,
    prefer: Preference | None = None,
) -> CopySummary:
    """Copy a dataset from a store into a workspace and its shares, and continue an earlier pull.

    Everything that only the workspace has stays. Labels that one side changed since the last copy are kept. What the
    store has forgotten is removed from the workspace, and what the workspace has forgotten is not copied.

    Args:
        workspace: the workspace to copy to; it may be empty, or already have parts of the dataset.
        url: address of the store.
        report: receives the progress.
        crops: whether to copy the crops in addition to the tables.
        prefer: the side that wins if both changed the same: `store` or `here`. None raises instead.

    Returns:
        The totals of all copied workspaces.

    Raises:
        InputError: there is no dataset at the address, or another command is running in the workspace.
        ResumeRefused: the workspace has other options, or both sides changed the same. Nothing was changed.
        StorageError: the store cannot be reached, or the disk is full. The same call continues.
    """
    workspace = Workspace(workspace)
    remote = ObjectStore.at(url)
    names = remote.sizes()
    shares = shares_in(names)
    places = [(workspace, remote)] if SETTINGS in names else []
    places += [(Workspace(workspace.shards / share), remote.below(f"shards/{share}")) for share in shares]
    if not places:
        raise InputError(f"there is no dataset at {url}; give an address that a dataset was pushed to")
    total = CopySummary()
    for one, there in places:
        try:
            one.parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot create the dataset in {one.root} ({error.strerror}); choose another folder with "
                f"{argument('workspace')}"
            ) from error
        with one.locked("a pull"):
            files.remove_unfinished(one.crops)
            obey_tombstones(one, read_remote_tombstones(there))
            total += _Pull(one, there, report or Silent(), crops=crops, prefer=prefer).run()
    return total


class _Pull:
    """The pull of one workspace, which the caller has locked."""

    def __init__(
        self, workspace: Workspace, remote: ObjectStore, report: Reporter, *, crops: bool, prefer: Preference | None
    ) -> None:
        self._workspace, self._remote, self._report = workspace, remote, report
        self._with_crops, self._prefer = crops, prefer
        self._local, self._remote_state = local_state(workspace), read_remote_state(remote)
        self._bases = read_merge_bases(workspace, remote.url)
        self._crops = crops_in(self._remote_state.sizes)
        self._tombstones = read_tombstones(workspace)
        self._seen: set[str] = set()
        self._summary = CopySummary()

    def run(self) -> CopySummary:
        url, there = self._remote.url, self._remote_state.state
        merged = three_way_merge(self._workspace, self._local, there, self._bases, url, self._prefer)
        self._report.start(len(self._remote_state.sizes))
        tables = [name for name in (SETTINGS, MANIFEST, SOURCES_TABLE, FORGOTTEN) if name in self._remote_state.sizes]
        self._count(tables, CopySummary(tables=len(tables)))
        if merged.taken_parts:
            self._save(unfinished(merged.settings))
        try:
            for part in sorted(there.parts):
                self._copy_part(part, new=part in merged.taken_parts)
        finally:
            # An interrupted pull leaves a complete manifest of the parts that it copied.
            self._rebuild()
        self._save(merged.settings)
        write_merge_base(self._workspace, url, without_forgotten(there, self._tombstones))
        objects = len(self._remote_state.sizes)
        summary = replace(self._summary, parts=len(there.parts), objects=objects, ignored=objects - len(self._seen))
        if (known := summary.copied + summary.before + summary.tables + summary.left) != len(self._seen):
            raise FertoolsError(
                f"the totals do not match: {known} objects are counted, but {url} has {len(self._seen)}"
            )
        return summary

    def _copy_part(self, part: str, *, new: bool) -> None:
        names = [part_name(part, kind) for kind in ("faces", "sources")]
        paths = [self._workspace.root / name for name in names]
        contents = self._remote.read(names) if new else {}
        if new:
            faces = read_content(self._remote, names[0], contents[names[0]], FACES)
            sources = read_content(self._remote, names[1], contents[names[1]], SOURCES)
            rows, listed = filter_forgotten(faces, sources, self._tombstones)
            if not len(listed) and len(sources):
                return
            if not (rows.equals(faces) and listed.equals(sources)):
                contents = {names[0]: to_bytes(rows, FACES), names[1]: to_bytes(listed, SOURCES)}
            faces = rows
        else:
            faces = store.read_table(paths[0], FACES, ("face_id",))
        crops = [name for face_id in faces["face_id"].to_pylist() for name in self._crops.get(face_id, [])]
        self._copy_crops(crops)
        if not new:
            self._count(names, CopySummary(before=2))
            return
        # As in a push, a replaced part is incomplete until both tables are new.
        paths[1].unlink(missing_ok=True)
        for name, path in zip(names, paths, strict=True):
            files.write_bytes(path, contents[name])
        self._count(names, CopySummary(copied=2, copied_bytes=sum(map(len, contents.values()))))

    def _copy_crops(self, names: Sequence[str]) -> None:
        root, sizes = self._workspace.root, self._remote_state.sizes
        missing = {name: sizes[name] for name in names if _size(root / name) != sizes[name]}
        self._count([name for name in names if name not in missing], CopySummary(before=len(names) - len(missing)))
        if not self._with_crops:
            self._count(missing, CopySummary(left=len(missing)))
            return
        if missing:
            products.mark(self._workspace.crops)
        for batch in in_batches(missing):
            contents = self._remote.read(batch)
            for name, content in contents.items():
                files.write_bytes(root / name, content, flush=False)
            self._count(batch, CopySummary(copied=len(batch), copied_bytes=sum(map(len, contents.values()))))
        if missing:
            os.sync()

    def _rebuild(self) -> None:
        """Rebuild the manifest from the parts, with the merged labels of both sides."""
        store.rebuild(self._workspace)
        labels, newer = merge_labels(
            self._workspace,
            store.read_faces(self._workspace, ("face_id", *LABEL_COLUMNS)),
            self._remote_state.state,
            self._bases,
            self._remote.url,
            self._prefer,
        )
        if newer:
            store.write_columns(self._workspace.manifest, FACES, {name: labels[name] for name in LABEL_COLUMNS})

    def _save(self, settings: dict[str, Any]) -> None:
        if settings != self._workspace.settings():
            files.write_text(self._workspace.settings_path, SETTINGS_HEADER + tomli_w.dumps(settings))

    def _count(self, names: Collection[str], counts: CopySummary) -> None:
        self._seen.update(names)
        self._summary += counts
        self._report.advance(len(self._seen), copied=self._summary.copied, MB=self._summary.copied_bytes // 1_000_000)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
