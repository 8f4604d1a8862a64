"""Take forgotten faces out of a store, and pass the tombstones on to it.

A store is cleaned by tombstones, not by identifiers. So every push can do it, also after an earlier one was stopped, or
after the store could not be reached when the faces were forgotten.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from fertools.core import calls
from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.objects import ObjectStore
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.table_schema import TableSchema
from fertools.manifests.tombstones import Tombstones, read_tombstones
from fertools.transfer.inventory import MANIFEST, SOURCES_TABLE, crops_in, part_name, parts_in, read_content
from fertools.transfer.merge_base import replace_parts
from fertools.transfer.obedience import filter_forgotten

FORGOTTEN = "manifests/forgotten.json"
"""Name of the tombstones in a store."""


def read_remote_tombstones(remote: ObjectStore) -> Tombstones:
    """Return the tombstones in a store.

    Raises:
        InputError: they are damaged.
        StorageError: the store cannot be reached.
    """
    content, _ = remote.read_tagged(FORGOTTEN)
    return Tombstones() if content is None else Tombstones.of_bytes(content, f"{remote.url}/{FORGOTTEN}")


def forget_in_store(workspace: Workspace, url: str) -> int:
    """Remove what a workspace has forgotten from its copy in a store; return the number of removed objects.

    The tombstones are written last, so they are complete only once nothing else is left to do.

    Args:
        workspace: the workspace, whose lock the caller holds.
        url: address of the copy.

    Raises:
        InputError: a table there is damaged.
        ResumeRefused: another command changes the store.
        StorageError: the store cannot be reached or written; the same call continues.
    """
    remote, tombstones = ObjectStore.at(url), read_tombstones(workspace)
    there, tag = remote.read_tagged(FORGOTTEN)
    known = Tombstones() if there is None else Tombstones.of_bytes(there, f"{url}/{FORGOTTEN}")
    if known.covers(tombstones):
        return 0
    names = {name: size for name, size in remote.sizes().items() if not name.startswith("shards/")}
    crops = crops_in(names)
    removed = [name for face in sorted(tombstones.among("face", crops)) for name in crops[face]]
    for name in removed:
        remote.remove(name)
    parts = {part: change for part in parts_in(names) if (change := _clean_part(remote, part, tombstones)) is not None}
    removed += [part for part, (_, after) in parts.items() if after is None for _ in range(2)]
    replace_parts(workspace, url, parts)
    _clean_tables(remote, tombstones, names)
    if names and not remote.replace(FORGOTTEN, known.joined(tombstones).to_bytes(), tag):
        raise ResumeRefused(f"{url} was changed by another command; run {calls.push(url)} when that has ended")
    return len(removed)


def _clean_part(remote: ObjectStore, part: str, tombstones: Tombstones) -> tuple[str, str | None] | None:
    """Clean the tables of a part; return the digests of its sources before and after, or None if nothing changed."""
    names = [part_name(part, kind) for kind in ("faces", "sources")]
    contents = remote.read(names)
    faces, sources = (
        read_content(remote, name, contents[name], schema) for name, schema in zip(names, (FACES, SOURCES), strict=True)
    )
    rows, listed = filter_forgotten(faces, sources, tombstones)
    if rows.equals(faces) and listed.equals(sources):
        return None
    before = hash_bytes(contents[names[1]])
    # As in a push, the part is incomplete until both tables are new.
    remote.remove(names[1])
    if not len(listed):
        remote.remove(names[0])
        return before, None
    remote.write({names[0]: to_bytes(rows, FACES)})
    content = to_bytes(listed, SOURCES)
    remote.write({names[1]: content})
    return before, hash_bytes(content)


def _clean_tables(remote: ObjectStore, tombstones: Tombstones, names: Collection[str]) -> None:
    if MANIFEST not in names or SOURCES_TABLE not in names:
        return
    content, tag = remote.read_tagged(MANIFEST)
    faces = read_content(remote, MANIFEST, content or b"", FACES)
    sources = read_content(remote, SOURCES_TABLE, remote.read([SOURCES_TABLE])[SOURCES_TABLE], SOURCES)
    rows, listed = filter_forgotten(faces, sources, tombstones)
    if not listed.equals(sources):
        remote.write({SOURCES_TABLE: to_bytes(listed, SOURCES)})
    if not rows.equals(faces) and not remote.replace(MANIFEST, to_bytes(rows, FACES), tag):
        raise ResumeRefused(f"the labels in {remote.url} were changed meanwhile; run {calls.push(remote.url)} again")


def to_bytes(table: pa.Table, schema: TableSchema) -> bytes:
    """Return the content of a file with a table, as `store.write_table` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        store.write_table(path, schema, table)
        return path.read_bytes()
