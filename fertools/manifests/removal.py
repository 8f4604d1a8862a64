"""Remove faces and sources from the tables of a workspace, with their crops."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES, SOURCES, TableSchema

_COPY = re.compile(r"same content as (.*)", re.DOTALL)


@dataclass(frozen=True)
class Removed:
    """What was removed.

    Attributes:
        faces: number of rows of the manifest.
        sources: number of rows of the sources table.
        crops: number of crops of any template and size.
    """

    faces: int = 0
    sources: int = 0
    crops: int = 0


def remove_rows(workspace: Workspace, faces: Collection[str], sources: Collection[str]) -> Removed:
    """Remove faces and sources from the parts, the manifest and the sources table, with their crops.

    The crops go first and the manifest goes last. So after a stop, the manifest still names what remains to be removed.

    Args:
        workspace: the workspace, whose lock the caller holds.
        faces: identifiers of the faces.
        sources: identifiers of sources whose rows go, too. A copy of such a source goes with it.

    Raises:
        StorageError: the disk cannot be written.
    """
    face_ids, source_ids = (pa.array(sorted(names), pa.string()) for names in (faces, sources))
    crops = _remove_crops(workspace, faces)
    names = store.read_sources(workspace, ("source_id", "path", "reason"))
    source_ids = pa.array(sorted({*source_ids.to_pylist(), *_copies(names, set(source_ids.to_pylist()))}), pa.string())
    for path in sorted(workspace.parts.glob("*.sources.parquet")):
        own = path.with_name(path.name.replace(".sources.", ".faces."))
        # The sources make a part count, so its faces go before them.
        gone = _filter(own, FACES, "face_id", face_ids)
        if _filter(path, SOURCES, "source_id", source_ids, gone):
            path.unlink()
            own.unlink()
    held = store.read_sources(workspace, ("source_id",))
    gone = _count(workspace.manifest, face_ids)
    _filter(workspace.sources, SOURCES, "source_id", source_ids, gone, keep_empty=True)
    _filter(workspace.manifest, FACES, "face_id", face_ids, keep_empty=True)
    removed = len(held) - len(store.read_sources(workspace, ("source_id",)))
    return Removed(sum(kept + rejected for kept, rejected, _ in gone.values()), removed, crops)


_Counts = dict[str, tuple[int, int, int]]
"""Removed faces of each source: kept, rejected, interpolated."""


def _filter(
    path: Path,
    schema: TableSchema,
    key: str,
    gone: pa.Array,
    counts: _Counts | None = None,
    *,
    keep_empty: bool = False,
) -> _Counts:
    """Write a table without some rows.

    Returns:
        For faces, the removed faces of each source. For sources, something that is true if no row is left and the
        table may be removed.
    """
    table = store.read_table(path, schema)
    chosen = pc.is_in(table[key], value_set=gone)
    lost = _counts_of(table.filter(chosen)) if schema is FACES else {}
    rest = nested.keep(table, pc.invert(chosen))
    if counts:
        rest = _recount(rest, counts)
    if schema is SOURCES and not len(rest) and not keep_empty:
        return {"": (0, 0, 0)}
    if not rest.equals(table):
        store.write_table(path, schema, rest)
    return lost


def _count(path: Path, face_ids: pa.Array) -> _Counts:
    table = store.read_table(path, FACES, ("face_id", "source_id", "status", "interpolated", "parent_id"))
    return _counts_of(table.filter(pc.is_in(table["face_id"], value_set=face_ids)))


def _counts_of(rows: pa.Table) -> _Counts:
    counts: dict[str, Counter[str]] = {}
    for row in rows.select(("source_id", "status", "interpolated", "parent_id")).to_pylist():
        # No source counts a generated face.
        if row["parent_id"] is None:
            counter = counts.setdefault(row["source_id"], Counter())
            counter[row["status"]] += 1
            counter["interpolated"] += bool(row["interpolated"])
    return {name: (one["kept"], one["rejected"], one["interpolated"]) for name, one in counts.items()}


def _recount(sources: pa.Table, counts: _Counts) -> pa.Table:
    """Return the sources table with the removed faces subtracted from its counts."""
    for place, name in enumerate(("faces_kept", "faces_rejected", "faces_interpolated")):
        values = [
            value if value is None else max(0, value - counts.get(source, (0, 0, 0))[place])
            for source, value in zip(sources["source_id"].to_pylist(), sources[name].to_pylist(), strict=True)
        ]
        number = sources.schema.get_field_index(name)
        sources = sources.set_column(
            number, sources.schema.field(name), pa.array(values, sources.schema.field(name).type)
        )
    return sources


def _copies(names: pa.Table, gone: set[str]) -> set[str]:
    """Return the identifiers of the duplicates of some sources."""
    rows = names.to_pylist()
    paths = {row["path"] for row in rows if row["source_id"] in gone}
    matches = ((row["source_id"], _COPY.match(row["reason"] or "")) for row in rows)
    return {source for source, match in matches if match and match[1] in paths}


def _remove_crops(workspace: Workspace, faces: Collection[str]) -> int:
    """Remove the crops of faces. Their paths follow from their identifiers, never from a table."""
    folders = [workspace.crops, *(path for path in workspace.crops.glob("*-*") if path.is_dir())]
    removed = 0
    with files.storage_errors(workspace.crops):
        for face_id in faces:
            for folder in folders:
                for suffix in (".jpg", ".png"):
                    with suppress(FileNotFoundError):
                        (folder / face_id[:2] / f"{face_id}{suffix}").unlink()
                        removed += 1
    return removed
