"""Read and write the tables of a manifest: whole files, atomically, with their schema checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import calls, files
from fertools.core.errors import InputError, SchemaError
from fertools.core.hashing import hash_parts
from fertools.core.parquet import Filters, checked, read_parquet, reading_parquet
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import nested
from fertools.manifests.identifiers import check_names, names_beside
from fertools.manifests.schema import FACES, LABEL_COLUMNS, SOURCES
from fertools.manifests.table_schema import SCHEMA_VERSION, VERSION_KEY, TableSchema
from fertools.manifests.table_writer import TableWriter

_GROUP_ROWS = 16_384
"""Rows per row group, about 12 MB in memory."""

_REMEDY = "restore it or ingest again"
"""What to do with a damaged table."""


def read_faces(
    workspace: WorkspaceLike, columns: Sequence[str] | None = None, filters: Filters | None = None
) -> pa.Table:
    """Return the manifest, or some of its columns and rows, sorted by `face_id`.

    Args:
        workspace: the workspace of the manifest.
        columns: names of the wanted columns, in order; None for all.
        filters: conditions that must all hold, as for `pyarrow.parquet.read_table`. A null fulfils no condition.

    Raises:
        InputError: there is no manifest yet, or a column is not in the schema.
        SchemaError: the file is no manifest, or has another schema version.
    """
    workspace = Workspace(workspace)
    if not workspace.manifest.is_file():
        raise InputError(f"there is no manifest in {workspace.root}; run {calls.INGEST} there first")
    return read_table(workspace.manifest, FACES, columns, filters)


def read_sources(
    workspace: WorkspaceLike, columns: Sequence[str] | None = None, filters: Filters | None = None
) -> pa.Table:
    """Return the sources table, or some of its columns and rows, sorted by `source_id`.

    Args:
        workspace: the workspace of the table.
        columns: names of the wanted columns, in order; None for all.
        filters: conditions that must all hold; see `read_faces`.

    Raises:
        InputError: there is no sources table yet, or a column is not in the schema.
        SchemaError: the file is no sources table, or has another schema version.
    """
    workspace = Workspace(workspace)
    if not workspace.sources.is_file():
        raise InputError(f"there is no sources table in {workspace.root}; run {calls.INGEST} there first")
    return read_table(workspace.sources, SOURCES, columns, filters)


def read_table(
    path: Path, schema: TableSchema, columns: Sequence[str] | None = None, filters: Filters | None = None
) -> pa.Table:
    """Return a table that `write_table` wrote, or some of its columns and rows; see `read_faces`.

    Raises:
        InputError: a wanted column is not in the schema.
        SchemaError: the file is not Parquet, has another schema version or other columns, or contains an identifier or
            path that fertools does not write (see `fertools.manifests.identifiers`).
    """
    wanted = list(columns) if columns is not None else list(schema.names)
    if unknown := [name for name in wanted if name not in schema.names]:
        raise InputError(
            f"the {schema.name} table has no column '{unknown[0]}'; its columns are {', '.join(schema.names)}"
        )
    with reading_parquet(path, _REMEDY):
        found = pq.read_schema(path)
        check_schema(path, schema, found)
        columns = list(dict.fromkeys([*wanted, *names_beside(schema, wanted)]))
        table = _read_rows(path, schema, columns, filters, frozenset(found.names))
    check_names(path, schema, table)
    return table.select(wanted)


def _read_rows(
    path: Path, schema: TableSchema, columns: list[str], filters: Filters | None, found: frozenset[str]
) -> pa.Table:
    conditions = list(dict.fromkeys(name for name, _, _ in filters or ()))
    if not found.issuperset([*columns, *conditions]):
        # The table is older than a column. The key says how many rows it has.
        whole, flat = (
            schema.completed(read_parquet(path, sorted({schema.key, *names} & found), remedy=_REMEDY))
            for names in (columns, conditions)
        )
        if not filters:
            return nested.unsliced(whole)
        flat = flat.append_column("row", pa.array(np.arange(len(flat))))
        return nested.take(whole, np.sort(flat.filter(pq.filters_to_expression(filters))["row"].to_numpy()))
    if not filters or not any(nested.is_nested(schema.arrow.field(name).type) for name in columns):
        return nested.unsliced(read_parquet(path, columns, filters, remedy=_REMEDY))
    # pyarrow can filter nested lists incorrectly, so it filters row numbers here.
    flat = read_parquet(path, conditions, remedy=_REMEDY)
    flat = flat.append_column("row", pa.array(np.arange(len(flat))))
    rows = flat.filter(pq.filters_to_expression(filters))["row"].to_numpy()
    return nested.take(read_parquet(path, columns, remedy=_REMEDY), np.sort(rows))


def _groups(path: Path, schema: TableSchema) -> Iterator[pa.Table]:
    """Yield the rows of a table one row group at a time, so that it is never in memory as a whole.

    Raises:
        SchemaError: see `read_table`.
    """
    for group in _read_groups(path, schema):
        check_names(path, schema, group)
        yield group


def _read_groups(path: Path, schema: TableSchema) -> Iterator[pa.Table]:
    """Yield the row groups of a table without a check of its identifiers and paths."""
    with reading_parquet(path, _REMEDY):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with closing(file):
        with reading_parquet(path, _REMEDY):
            check_schema(path, schema, file.schema_arrow)
        for number in range(file.num_row_groups):
            with reading_parquet(path, _REMEDY):
                yield nested.unsliced(schema.completed(checked(file.read_row_group(number))).select(schema.names))


def check_schema(path: Path, schema: TableSchema, found: pa.Schema) -> None:
    """Raise SchemaError unless `found` equals the current version of `schema`, or lacks columns added later."""
    version = (found.metadata or {}).get(VERSION_KEY)
    if version is None:
        raise SchemaError(
            f"{path} is no fertools manifest, because it has no schema version; give a file that fertools wrote"
        )
    if version != str(SCHEMA_VERSION).encode():
        raise SchemaError(
            f"{path} has manifest schema version {version.decode(errors='replace')}, but this fertools reads version "
            f"{SCHEMA_VERSION}; use the fertools version that wrote it, or ingest again"
        )
    fields = [field for field in schema.arrow if field.name not in schema.added.difference(found.names)]
    if not found.equals(pa.schema(fields)):
        differing = (
            sorted(set(found.names) ^ {field.name for field in fields})
            or [field.name for field in fields if not field.equals(found.field(field.name))]
            or ["the order of columns"]
        )
        raise SchemaError(
            f"{path} has schema version {SCHEMA_VERSION} but differs from it in {', '.join(differing)}; ingest again"
        )


def write_table(path: Path, schema: TableSchema, table: pa.Table) -> None:
    """Write `table` to `path` atomically, sorted by the schema's key.

    The same rows give the same bytes: no time stamps, one row order, one compression. Rows are sorted one group at a
    time, so a table on disk (see `fertools.manifests.table_writer`) is never in memory as a whole.

    Raises:
        SchemaError: the columns differ from the schema, or the key is not unique.
        StorageError: the disk is full or cannot be written.
    """
    if list(table.column_names) != list(schema.names):
        raise SchemaError(
            f"cannot write {path}, because its columns differ from the {schema.name} table; pass all columns in order"
        )
    table = table.cast(schema.arrow)
    keys = table.column(schema.key)
    if pc.count_distinct(keys).as_py() != len(keys):
        raise SchemaError(f"cannot write {path}, because {schema.key} is not unique; remove the repeated rows")
    order = pc.sort_indices(keys).to_numpy()
    batches = nested.unsliced(pa.Table.from_batches(table.to_batches(), table.schema)).to_batches()
    ends = np.cumsum([len(batch) for batch in batches])
    with (
        files.replacing(path) as temporary,
        _open_writer(temporary, schema) as writer,
    ):
        for first in range(0, len(order), _GROUP_ROWS):
            writer.write_table(_take(batches, ends, order[first : first + _GROUP_ROWS]))


def write_columns(path: Path, schema: TableSchema, columns: Mapping[str, pa.Array]) -> None:
    """Replace whole columns of a table on the disk, atomically.

    The other columns pass through one row group at a time, so the table is never in memory as a whole.

    Args:
        path: path of the table.
        schema: schema of the table.
        columns: values by the name of their column, in the order of the table's rows. The key cannot be replaced.

    Raises:
        SchemaError: the file is damaged, or has another schema version.
        StorageError: the disk is full or cannot be written.
    """
    columns = {name: values.cast(schema.arrow.field(name).type) for name, values in columns.items()}
    first = 0
    with (
        files.replacing(path) as temporary,
        _open_writer(temporary, schema) as writer,
        ThreadPoolExecutor(1) as reader,
    ):
        groups = _read_groups(path, schema)
        waiting = reader.submit(next, groups, None)
        # One row group is read while the one before it is written.
        while (group := waiting.result()) is not None:
            waiting = reader.submit(next, groups, None)
            for name, values in columns.items():
                place = group.schema.get_field_index(name)
                group = group.set_column(place, schema.arrow.field(name), values.slice(first, len(group)))
            writer.write_table(group)
            first += len(group)


def _open_writer(path: Path, schema: TableSchema) -> pq.ParquetWriter:
    """Return a writer of a table's file; the same rows give the same bytes."""
    # A dictionary is wasted work for numbers that differ from row to row, and for identifiers.
    repeated = [
        field.name
        for field in schema.arrow
        if pa.types.is_string(field.type) and field.name not in (schema.key, "path")
    ]
    return pq.ParquetWriter(path, schema.arrow, compression="zstd", use_dictionary=repeated, write_page_checksum=True)


def _take(batches: list[pa.RecordBatch], ends: NDArray[np.int64], places: NDArray[np.uint64]) -> pa.Table:
    """Return some rows of a table, in the given order, without copying the others.

    Args:
        batches: record batches of the table.
        ends: number of rows up to the end of each batch.
        places: numbers of the wanted rows.
    """
    owners = np.searchsorted(ends, places, side="right")
    by_owner = np.argsort(owners, kind="stable")
    taken = []
    for owner in np.unique(owners).tolist():
        begin = int(ends[owner]) - len(batches[owner])
        taken.append(batches[owner].take(pa.array(places[owners == owner].astype(np.int64) - begin)))
    return nested.take(pa.Table.from_batches(taken).combine_chunks(), np.argsort(by_owner))


def rebuild(workspace: Workspace, labels_of: Sequence[Workspace] = ()) -> tuple[pa.Table, pa.Table]:
    """Rewrite `faces.parquet` and `sources.parquet` as the union of all committed parts.

    Each face keeps the labels, subject and fold that later commands gave it.

    Args:
        workspace: the workspace to rebuild.
        labels_of: other workspaces. A face that is new in the manifest takes its labels and subject, but no fold, from
            them.

    Returns:
        The faces and the sources table, in any row order.

    Raises:
        SchemaError: a part has another schema version.
        StorageError: the disk is full or cannot be written.
    """
    parts = sorted(workspace.parts.glob("*.sources.parquet"))
    sources = _union(SOURCES, parts)
    faces = _union(FACES, [path.with_name(path.name.replace(".sources.", ".faces.")) for path in parts])
    labels = [name for name in LABEL_COLUMNS if name not in ("fold", "split", "weight")]
    for other, names in [*((other, labels) for other in labels_of), (workspace, LABEL_COLUMNS)]:
        if other.manifest.is_file():
            faces = _with_labels_of(read_faces(other, ("face_id", *names)), faces)
    write_table(workspace.manifest, FACES, faces)
    write_table(workspace.sources, SOURCES, sources)
    return faces, sources


def commit_part(workspace: Workspace, name: str, faces: pa.Table, sources: pa.Table) -> None:
    """Add a part to the workspace. The part counts as soon as its sources table exists.

    Args:
        workspace: the workspace to add to.
        name: name of the part, valid as a file name and unique to its content.
        faces: rows of FACES; their crops must already exist.
        sources: rows of SOURCES, with and without faces.
    """
    write_table(workspace.parts / f"{name}.faces.parquet", FACES, faces)
    write_table(workspace.parts / f"{name}.sources.parquet", SOURCES, sources)


def committed_sources(workspace: Workspace) -> pa.Table:
    """Return the sources rows of all committed parts."""
    return _union(SOURCES, sorted(workspace.parts.glob("*.sources.parquet")))


def forget_failed(workspace: Workspace) -> int:
    """Remove failed sources from the committed parts, so that ingest tries them again; return their number."""
    forgotten = 0
    for path in sorted(workspace.parts.glob("*.sources.parquet")):
        rows = read_table(path, SOURCES)
        good = rows.filter(pc.not_equal(rows["status"], "failed"))
        if dropped := len(rows) - len(good):
            forgotten += dropped
            write_table(path, SOURCES, good)
    return forgotten


def replace_columns(table: pa.Table, columns: Mapping[str, Iterable[Any]]) -> pa.Table:
    """Return a table of FACES with some columns replaced; values are in row order."""
    for name, values in columns.items():
        field = FACES.arrow.field(name)
        array = values if isinstance(values, pa.Array) else pa.array(list(values), type=field.type, from_pandas=True)
        table = table.set_column(table.schema.get_field_index(name), field, array)
    return table


def fingerprint(table: pa.Table, columns: Sequence[str]) -> str:
    """Return a digest of some columns that depends only on their values and row order."""
    return hash_parts(part for name in columns for part in (name.encode(), _ipc(table.select([name]))))


def _ipc(table: pa.Table) -> memoryview:
    """Return a table in Arrow's stream format, whatever its chunks are."""
    sink = pa.BufferOutputStream()
    whole = table.combine_chunks().replace_schema_metadata(None)
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole)
    return memoryview(sink.getvalue())


def _union(schema: TableSchema, paths: list[Path]) -> pa.Table:
    if not paths:
        return schema.arrow.empty_table()
    with closing(TableWriter(paths[0].parent, schema)) as writer:
        for path in paths:
            for group in _groups(path, schema):
                writer.add_table(group)
        return writer.table()


def _with_labels_of(old: pa.Table, faces: pa.Table) -> pa.Table:
    """Return `faces` with the label columns of `old` for every `face_id` that both have."""
    position = pc.index_in(faces["face_id"], value_set=old["face_id"].combine_chunks())
    known = pc.is_valid(position)
    for name in old.column_names[1:]:
        carried = pc.if_else(known, pc.take(old[name], position), faces[name])
        faces = faces.set_column(faces.schema.get_field_index(name), faces.schema.field(name), carried)
    return faces
