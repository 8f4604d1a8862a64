"""`pull`: bring a workspace back from object storage, or what is new there.

Only parts whose sources table is there count, as on a disk, so that a push that was stopped, or is under way, gives
fewer parts and none by half. The manifest is not copied but made anew from the parts; the labels come from the store's.
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
from fertools.transfer.three_way import (
    Preference,
    local_state,
    merge_labels,
    read_merge_bases,
    three_way_merge,
    unfinished,
    write_merge_base,
)


def pull(
    workspace: WorkspaceLike,
    url: str,
    report: Reporter | None = None,
    *,
    crops: bool = False,
    prefer: Preference | None = None,
) -> CopySummary:
    """Copy what a store holds into a workspace, and into its shares; go on where an earlier pull stopped.

    What is here and not there stays. Labels that were given on one side since the last copy are kept, whichever side.

    Args:
        workspace: where to; it may be empty, or hold a part of it already.
        url: where from.
        report: told of progress.
        crops: bring the crops too, not the tables alone.
        prefer: `store` or `here`: whose labels to keep where both sides gave a face others; None refuses that.

    Returns:
        The totals.

    Raises:
        InputError: there is no dataset at the address, or another command is at work here.
        ResumeRefused: what is here is of other options, or both sides changed the same; nothing was changed.
        StorageError: the store cannot be reached, or the disk is full; the same call goes on.
    """
    workspace = Workspace(workspace)
    remote = ObjectStore.at(url)
    names = remote.sizes()
    shares = shares_in(names)
    places = [(workspace, remote)] if SETTINGS in names else []
    places += [(Workspace(workspace.shards / share), remote.below(f"shards/{share}")) for share in shares]
    if not places:
        raise InputError(f"there is no dataset at {url}; give an address that `fertools push` was given")
    total = CopySummary()
    for one, there in places:
        try:
            one.parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the dataset cannot be made in {one.root} ({error.strerror}); choose another place with "
                f"{argument('workspace')}"
            ) from error
        with one.locked("a pull"):
            files.remove_unfinished(one.crops)
            total += _Pull(one, there, report or Silent(), crops=crops, prefer=prefer).run()
    return total


class _Pull:
    """The copy of one workspace, under its lock."""

    def __init__(
        self, workspace: Workspace, remote: ObjectStore, report: Reporter, *, crops: bool, prefer: Preference | None
    ) -> None:
        self._workspace, self._remote, self._report = workspace, remote, report
        self._with_crops, self._prefer = crops, prefer
        self._local, self._remote_state = local_state(workspace), read_remote_state(remote)
        self._bases = read_merge_bases(workspace, remote.url)
        self._crops = crops_in(self._remote_state.sizes)
        self._seen: set[str] = set()
        self._summary = CopySummary()

    def run(self) -> CopySummary:
        url, there = self._remote.url, self._remote_state.state
        merged = three_way_merge(self._workspace, self._local, there, self._bases, url, self._prefer)
        self._report.start(len(self._remote_state.sizes))
        tables = [name for name in (SETTINGS, MANIFEST, SOURCES_TABLE) if name in self._remote_state.sizes]
        self._count(tables, CopySummary(tables=len(tables)))
        if merged.taken_parts:
            self._save(unfinished(merged.settings))
        try:
            for part in sorted(there.parts):
                self._bring_part(part, new=part in merged.taken_parts)
        finally:
            # A stopped pull leaves a whole manifest of what it brought.
            self._rebuild()
        self._save(merged.settings)
        write_merge_base(self._workspace, url, there)
        objects = len(self._remote_state.sizes)
        summary = replace(self._summary, parts=len(there.parts), objects=objects, ignored=objects - len(self._seen))
        if (known := summary.copied + summary.before + summary.tables + summary.left) != len(self._seen):
            raise FertoolsError(f"the totals do not balance: {known} objects are counted of {len(self._seen)} in {url}")
        return summary

    def _bring_part(self, part: str, *, new: bool) -> None:
        names = [part_name(part, kind) for kind in ("faces", "sources")]
        paths = [self._workspace.root / name for name in names]
        contents = self._remote.read(names) if new else {}
        if new:
            faces = read_content(self._remote, names[0], contents[names[0]], FACES, ("face_id",))
            read_content(self._remote, names[1], contents[names[1]], SOURCES)
        else:
            faces = store.read_table(paths[0], FACES, ("face_id",))
        crops = [name for face_id in faces["face_id"].to_pylist() for name in self._crops.get(face_id, [])]
        self._bring_crops(crops)
        if not new:
            self._count(names, CopySummary(before=2))
            return
        # As in a push: a part that takes the place of another does not count until both its tables are new.
        paths[1].unlink(missing_ok=True)
        for name, path in zip(names, paths, strict=True):
            files.write_bytes(path, contents[name])
        self._count(names, CopySummary(copied=2, copied_bytes=sum(map(len, contents.values()))))

    def _bring_crops(self, names: Sequence[str]) -> None:
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
        """Make the manifest anew from the parts, with the labels of both sides."""
        faces, _ = store.rebuild(self._workspace)
        labels, newer = merge_labels(
            self._workspace,
            faces.select(["face_id", *LABEL_COLUMNS]),
            self._remote_state.state,
            self._bases,
            self._remote.url,
            self._prefer,
        )
        if newer:
            columns = {name: labels[name].combine_chunks() for name in LABEL_COLUMNS}
            store.write_table(self._workspace.manifest, FACES, store.replace_columns(faces, columns))

    def _save(self, settings: dict[str, Any]) -> None:
        if settings != self._workspace.settings():
            files.write_text(self._workspace.settings_path, SETTINGS_HEADER + tomli_w.dumps(settings))

    def _count(self, names: Collection[str], counts: CopySummary) -> None:
        self._seen.update(names)
        self._summary += counts
        self._report.advance(len(self._seen), brought=self._summary.copied, MB=self._summary.copied_bytes // 1_000_000)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
