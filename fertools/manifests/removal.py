"""Remove faces and sources from the tables of a workspace, with their crops."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.table_schema import TableSchema

_COUNTS = ("faces_kept", "faces_rejected", "faces_interpolated")


@dataclass(frozen=True)
class Removed:
    """What was removed from the tables.

    Attributes:
        faces: number of rows of the manifest.
        sources: number of rows of the sources table.
        crops: number of crops of any template and size.
    """

    faces: int = 0
    sources: int = 0
    crops: int = 0


def count_rows(workspace: Workspace, faces: Collection[str], sources: Collection[str]) -> Removed:
    """Return what `remove_rows` would remove."""
    rows = store.read_faces(workspace, ("face_id",))["face_id"].to_pylist()
    listed = store.read_sources(workspace, ("source_id",))["source_id"].to_pylist()
    crops = sum(path.is_file() for path in _crops(workspace, faces))
    return Removed(len(set(faces).intersection(rows)), len(set(sources).intersection(listed)), crops)


def remove_rows(workspace: Workspace, faces: Collection[str], sources: Collection[str]) -> Removed:
    """Remove faces and sources from the parts, the manifest and the sources table, with their crops.

    Sources that stay count the faces that they have left. After a stop, the same call continues.

    Args:
        workspace: the workspace, whose lock the caller holds.
        faces: identifiers of the faces.
        sources: identifiers of sources whose rows go, too.

    Raises:
        StorageError: the disk cannot be written.
    """
    found = count_rows(workspace, faces, sources)
    for crop in _crops(workspace, faces):
        with files.storage_errors(crop):
            crop.unlink(missing_ok=True)
    for path in sorted(workspace.parts.glob("*.sources.parquet")):
        own = store.faces_beside(path)
        rows, listed = without(store.read_table(own, FACES), store.read_table(path, SOURCES), faces, sources)
        # The faces go first. Their sources count what is left, so a stop between the two is made good.
        _write(own, FACES, rows)
        if len(listed):
            _write(path, SOURCES, listed)
        else:
            # The sources make a part count.
            path.unlink()
            own.unlink()
    for path in workspace.parts.glob("*.faces.parquet"):
        # Without its sources a part does not count: an ingest, or a removal, was stopped between its two tables.
        if not path.with_name(path.name.replace(".faces.", ".sources.")).is_file():
            path.unlink()
    rows, listed = without(store.read_faces(workspace), store.read_sources(workspace), faces, sources)
    _write(workspace.manifest, FACES, rows)
    _write(workspace.sources, SOURCES, listed)
    return found


def without(
    faces: pa.Table, sources: pa.Table, gone_faces: Collection[str], gone_sources: Collection[str]
) -> tuple[pa.Table, pa.Table]:
    """Return tables of faces and sources without some rows; the sources count the faces that are left.

    Args:
        faces: rows of FACES.
        sources: rows of SOURCES.
        gone_faces: identifiers of the faces that go.
        gone_sources: identifiers of the sources that go.
    """
    chosen = pc.is_in(faces["face_id"], value_set=pa.array(sorted(gone_faces), pa.string()))
    touched = {*faces.filter(chosen)["source_id"].to_pylist()}
    rest = nested.keep(faces, pc.invert(chosen))
    kept = pc.is_in(sources["source_id"], value_set=pa.array(sorted(gone_sources), pa.string()))
    listed = nested.keep(sources, pc.invert(kept))
    differing = touched | _miscounted(rest, listed)
    return rest, _recount(listed, rest, differing) if differing else listed


def _miscounted(faces: pa.Table, sources: pa.Table) -> set[str]:
    """Return the sources whose counts differ from their faces, because a removal was stopped between two tables."""
    counts = _count(faces)
    return {
        row["source_id"]
        for row in sources.select(["source_id", *_COUNTS]).to_pylist()
        if row["faces_kept"] is not None
        and tuple(row[name] or 0 for name in _COUNTS) != counts.get(row["source_id"], (0, 0, 0))
    }


def _count(faces: pa.Table) -> dict[str, tuple[int, int, int]]:
    """Return the numbers of kept, rejected and interpolated faces of each source; no source counts generated ones."""
    real = faces.filter(pc.is_null(faces["parent_id"])).select(["source_id", "status", "interpolated"])
    names = real["source_id"].to_numpy()
    columns = (
        pc.equal(real["status"], "kept"),
        pc.equal(real["status"], "rejected"),
        pc.fill_null(real["interpolated"], False),
    )
    unique, place = np.unique(names.astype(str), return_inverse=True)
    sums = [np.bincount(place, weights=one.to_numpy().astype(float), minlength=len(unique)) for one in columns]
    return {name: (int(a), int(b), int(c)) for name, a, b, c in zip(unique.tolist(), *sums, strict=True)}


def _recount(sources: pa.Table, faces: pa.Table, names: set[str]) -> pa.Table:
    """Return the sources table with the counts of some sources taken from their faces."""
    counts = _count(faces)
    held = sources["source_id"].to_pylist()
    for place, column in enumerate(_COUNTS):
        values = [
            counts.get(source, (0, 0, 0))[place] if source in names else value
            for source, value in zip(held, sources[column].to_pylist(), strict=True)
        ]
        number = sources.schema.get_field_index(column)
        field = sources.schema.field(number)
        sources = sources.set_column(number, field, pa.array(values, field.type))
    return sources


def _write(path: Path, schema: TableSchema, table: pa.Table) -> None:
    if not table.equals(store.read_table(path, schema)):
        store.write_table(path, schema, table)


def _crops(workspace: Workspace, faces: Collection[str]) -> list[Path]:
    """Return the paths that crops of faces may have. They follow from the identifiers, never from a table."""
    folders = [workspace.crops, *(path for path in workspace.crops.glob("*-*") if path.is_dir())]
    return [
        folder / face_id[:2] / f"{face_id}{suffix}"
        for face_id in sorted(faces)
        for folder in folders
        for suffix in (".jpg", ".png")
    ]
