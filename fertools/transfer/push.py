"""`push`: copy a workspace to object storage, part by part, so that an interrupted copy is smaller but valid.

The order is that of a commit on a disk: first the crops of a part, then its faces, then its sources, which complete the
part. An object with the same size is skipped, because the name of a crop determines its content. The settings are
written first and the labels last. Both writes fail if another command changed them in the meantime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import tomli_w

from fertools.core import calls
from fertools.core.arguments import given
from fertools.core.errors import FertoolsError, InputError, ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.objects import ObjectStore
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import SETTINGS_HEADER, Workspace, WorkspaceLike
from fertools.ingestion.dataset_sources import refuse_unshareable
from fertools.ingestion.shards import shard_folders
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.transfer.forget_store import forget_in_store, read_remote_tombstones
from fertools.transfer.forget_target import find_forgotten
from fertools.transfer.inventory import (
    MANIFEST,
    SETTINGS,
    SOURCES_TABLE,
    CopySummary,
    crops_in,
    in_batches,
    part_name,
    read_remote_state,
    read_settings,
)
from fertools.transfer.merge_base import known_stores, local_state, read_merge_bases, write_merge_base
from fertools.transfer.three_way import refuse_unlike, three_way_merge, unfinished


def push(
    workspace: WorkspaceLike, url: str, report: Reporter | None = None, *, allow_restricted: bool = False
) -> CopySummary:
    """Copy a workspace and its shares to a store, and continue an earlier push.

    What the workspace has forgotten is removed from the store.

    Args:
        workspace: the workspace to copy; it is not changed.
        url: address of the copy, such as `s3://bucket/name`. Objects have the names of the files.
        report: receives the progress.
        allow_restricted: send the pixels of datasets whose terms forbid passing them on, such as to a store that only
            the signers of an agreement can read.

    Returns:
        The totals of all copied workspaces.

    Raises:
        InputError: the workspace is empty, the address is invalid, a crop is missing, another command is running, or
            a dataset in it may not be passed on.
        ResumeRefused: the store has a dataset with other options, or parts or labels that the workspace lacks.
        StorageError: the store cannot be reached or written. The objects in it are valid; the same call continues.
    """
    workspace = Workspace(workspace)
    remote = ObjectStore.at(url)
    places = [(workspace, remote)]
    places += [(Workspace(path), remote.below(f"shards/{path.name}")) for path in shard_folders(workspace)]
    places = [(one, there) for one, there in places if "ingest" in one.settings() and one.manifest.is_file()]
    if not places:
        raise InputError(f"nothing was ingested in {workspace.root}; run {calls.INGEST} there first")
    if not allow_restricted:
        for one, _ in places:
            refuse_unshareable(one)
    total = CopySummary()
    for one, there in places:
        with one.locked("a push"):
            _refuse_forgotten(one, there)
            if there.url in known_stores(one):
                # It may have parts that are gone here, because they were forgotten while it could not be reached.
                forget_in_store(one, there.url)
            total += _Push(one, there, report or Silent()).run()
            forget_in_store(one, there.url)
    return total


def _refuse_forgotten(workspace: Workspace, remote: ObjectStore) -> None:
    """Raise ResumeRefused if the store has forgotten faces that are still here."""
    if (stones := read_remote_tombstones(remote)) and find_forgotten(workspace, stones):
        url = remote.url
        raise ResumeRefused(f"{url} has forgotten faces that are still here; run {calls.pull(url)} and push again")


class _Push:
    """The push of one workspace, which the caller has locked."""

    def __init__(self, workspace: Workspace, remote: ObjectStore, report: Reporter) -> None:
        self._workspace, self._remote, self._report = workspace, remote, report
        self._local, self._remote_state = local_state(workspace), read_remote_state(remote)
        self._settings, self._tag = self._remote_state.state.settings, self._remote_state.settings_tag
        self._summary = CopySummary()

    def run(self) -> CopySummary:
        url, here, there = self._remote.url, self._local, self._remote_state.state
        merged = three_way_merge(self._workspace, here, there, read_merge_bases(self._workspace, url), url)
        if lacking := merged.describe():
            raise ResumeRefused(f"{url} has {lacking} that are not here; run {calls.pull(url)} and push again")
        crops = self._crops()
        objects = sum(map(len, crops.values())) + 2 * len(crops) + 3
        self._report.start(objects)
        write_merge_base(self._workspace, url, here, sending=True)
        if here.parts != there.parts:
            # The split refers to faces that the store does not have yet.
            split = {name: there.settings.get(name) for name in ("split",)}
            begun = {name: value for name, value in (here.settings | split).items() if value is not None}
            self._write_settings(unfinished(begun))
        for part in sorted(here.parts):
            self._send_part(part, crops[part])
        self._send_tables()
        self._count(1, sent=self._write_settings(here.settings) or self._settings != there.settings)
        write_merge_base(self._workspace, url, here)
        summary = replace(self._summary, parts=len(here.parts), objects=objects)
        if summary.copied + summary.before != objects:
            raise FertoolsError(
                f"the totals do not match: {summary.copied} objects sent, {summary.before} existing, not {objects}"
            )
        return summary

    def _crops(self) -> dict[str, dict[str, int]]:
        """Return the sizes of the local crops of each part, by name.

        Raises:
            InputError: a crop of the manifest is missing in the workspace and in the store.
        """
        root = self._workspace.root
        found = crops_in(path.relative_to(root).as_posix() for path in self._workspace.crops.rglob("*.*"))
        crops: dict[str, dict[str, int]] = {}
        for part in self._local.parts:
            table = store.read_table(root / part_name(part, "faces"), FACES, ("face_id", "path"))
            names = [name for face_id in table["face_id"].to_pylist() for name in sorted(found.get(face_id, []))]
            crops[part] = {name: (root / name).stat().st_size for name in names}
            for named in table["path"].to_pylist():
                if named is not None and named not in crops[part] and named not in self._remote_state.sizes:
                    raise InputError(
                        f"the crop {root / named} is missing; restore it, or ingest again with "
                        f"{given('overwrite', True)}"
                    )
        return crops

    def _write_settings(self, settings: dict[str, Any]) -> bool:
        """Write the settings if the store still has the settings that were read; return whether they differ."""
        if settings == self._settings:
            return False
        content = (SETTINGS_HEADER + tomli_w.dumps(settings)).encode()
        written = self._remote.replace(SETTINGS, content, self._tag)
        now, self._tag = read_settings(self._remote)
        if not written or now != settings:
            refuse_unlike(settings, now, self._remote.url)
            raise ResumeRefused(f"{self._remote.url} was changed by another command; run the same command again")
        self._settings = settings
        return True

    def _send_part(self, part: str, crops: dict[str, int]) -> None:
        sizes = self._remote_state.sizes
        missing = {name: size for name, size in crops.items() if sizes.get(name) != size}
        for batch in in_batches(missing):
            self._send(batch)
        self._count(len(crops) - len(missing), sent=False)
        faces, sources = part_name(part, "faces"), part_name(part, "sources")
        same = self._remote_state.state.parts.get(part) == self._local.parts[part]
        if same and sizes.get(faces) == (self._workspace.root / faces).stat().st_size:
            self._count(2, sent=False)
            return
        if sources in sizes:
            # The faces of a retried source differ: the part is incomplete until both tables are new.
            self._remote.remove(sources)
        self._send([faces])
        self._send([sources])

    def _send_tables(self) -> None:
        sources = self._workspace.sources.read_bytes()
        if self._remote.read_tagged(SOURCES_TABLE)[0] == sources:
            self._count(1, sent=False)
        else:
            self._send([SOURCES_TABLE])
        manifest = self._workspace.manifest.read_bytes()
        if self._remote_state.manifest_digest == hash_bytes(manifest):
            self._count(1, sent=False)
            return
        if not self._remote.replace(MANIFEST, manifest, self._remote_state.manifest_tag):
            url = self._remote.url
            raise ResumeRefused(
                f"the labels in {url} were changed during this push; run {calls.pull(url)} and push again"
            )
        self._count(1, sent=True, size=len(manifest))

    def _send(self, names: Sequence[str]) -> None:
        contents = {name: (self._workspace.root / name).read_bytes() for name in names}
        self._remote.write(contents)
        self._count(len(names), sent=True, size=sum(map(len, contents.values())))

    def _count(self, objects: int, *, sent: bool, size: int = 0) -> None:
        one = CopySummary(copied=objects, copied_bytes=size) if sent else CopySummary(before=objects)
        self._summary += one
        done = self._summary.copied + self._summary.before
        self._report.advance(done, sent=self._summary.copied, MB=self._summary.copied_bytes // 1_000_000)
