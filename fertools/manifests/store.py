"""Read and write the tables of a manifest: whole files, atomically, with their schema checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import calls
from fertools.core.errors import InputError, SchemaError
from fertools.core.hashing import hash_parts
from fertools.core.parquet import Filters, read_parquet, reading_parquet
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import key_order, nested
from fertools.manifests.identifiers import check_names, names_beside
from fertools.manifests.key_order import in_key_order, merge_runs
from fertools.manifests.schema import FACES, LABEL_COLUMNS, SOURCES
from fertools.manifests.table_schema import TableSchema
from fertools.manifests.table_stream import (
    GROUP_ROWS,
    REMEDY,
    check_schema,
    read_groups,
    replace_groups,
    wanted_columns,
    write_groups,
)


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
    wanted = wanted_columns(schema, columns)
    if filters:
        groups = read_groups(path, schema, wanted, filters)
        return pa.concat_tables([pa.table(schema.arrow.empty_table()).select(wanted), *groups])
    read = list(dict.fromkeys([*wanted, *names_beside(schema, wanted)]))
    with reading_parquet(path, REMEDY):
        found = pq.read_schema(path)
        check_schema(path, schema, found)
        # The key says how many rows there are of a table that is older than every wanted column.
        held = [name for name in read if name in found.names] or [schema.key]
        table = nested.unsliced(schema.completed(read_parquet(path, held, remedy=REMEDY)).select(read))
    check_names(path, schema, table)
    return table.select(wanted)


def write_table(path: Path, schema: TableSchema, table: pa.Table) -> None:
    """Write `table` to `path` atomically, sorted by the schema's key.

    The same rows give the same bytes, whatever their order is. A table on disk (see `fertools.manifests.table_writer`)
    is never in memory as a whole.

    Raises:
        SchemaError: the columns differ from the schema, or the key is not unique.
        StorageError: the disk is full or cannot be written.
    """
    if list(table.column_names) != list(schema.names):
        raise SchemaError(
            f"cannot write {path}, because its columns differ from the {schema.name} table; pass all columns in order"
        )
    pieces: Iterator[pa.Table] = (
        pa.Table.from_batches([batch]) for batch in table.cast(schema.arrow).to_batches(max_chunksize=GROUP_ROWS)
    )
    if not _is_sorted(table[schema.key]):
        pieces = in_key_order(pieces, schema.key, path.parent)
    write_groups(path, schema, pieces)


def _is_sorted(keys: pa.ChunkedArray) -> bool:
    """Return whether each key is larger than the one before."""
    if keys.null_count:
        return False
    first = pa.chunked_array([pa.array([""], keys.type), *keys.chunks]).slice(0, len(keys))
    return bool(pc.all(pc.less(first, keys), min_count=0).as_py())


def write_columns(path: Path, schema: TableSchema, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> None:
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
    replaced = {
        name: pa.chunked_array([values] if isinstance(values, pa.Array) else values.chunks, values.type).cast(
            schema.arrow.field(name).type
        )
        for name, values in columns.items()
    }
    groups = read_groups(path, schema, [name for name in schema.names if name not in replaced], check=False)
    write_groups(path, schema, replace_groups(groups, schema, replaced))


def rebuild(workspace: Workspace, labels_of: Sequence[Workspace] = ()) -> None:
    """Rewrite `faces.parquet` and `sources.parquet` as the union of all committed parts.

    Each face keeps the labels, subject and fold that later commands gave it.

    Args:
        workspace: the workspace to rebuild.
        labels_of: other workspaces. A face that is new in the manifest takes its labels and subject, but no fold, from
            them.

    Raises:
        SchemaError: a part has another schema version.
        StorageError: the disk is full or cannot be written.
    """
    parts = sorted(workspace.parts.glob("*.sources.parquet"))
    faces = _union(FACES, list(map(faces_beside, parts)))
    labels = [name for name in LABEL_COLUMNS if name not in ("fold", "split", "weight")]
    for other, names in [*((other, labels) for other in labels_of), (workspace, LABEL_COLUMNS)]:
        if other.manifest.is_file():
            faces = _with_labels_of(read_groups(other.manifest, FACES, ("face_id", *names)), faces)
    write_groups(workspace.manifest, FACES, faces)
    write_groups(workspace.sources, SOURCES, _union(SOURCES, parts))


def commit_part(workspace: Workspace, name: str, faces: pa.Table, sources: pa.Table) -> None:
    """Add a part to the workspace. The part counts as soon as its sources table exists.

    Args:
        workspace: the workspace to add to.
        name: name of the part, valid as a file name and unique to its content.
        faces: rows of FACES; their crops must already exist.
        sources: rows of SOURCES, with and without faces.
    """
    write_table(faces_of_part(workspace, name), FACES, faces)
    commit_sources(workspace, name, sources)


def faces_of_part(workspace: Workspace, name: str) -> Path:
    """Return the path of the faces table of a part."""
    return workspace.parts / f"{name}.faces.parquet"


def faces_beside(sources: Path) -> Path:
    """Return the path of the faces table of the part with a sources table."""
    return sources.with_name(sources.name.replace(".sources.", ".faces."))


def commit_sources(workspace: Workspace, name: str, sources: pa.Table) -> None:
    """Add a part whose faces table is there already; see `commit_part`."""
    write_table(workspace.parts / f"{name}.sources.parquet", SOURCES, sources)


def committed_sources(workspace: Workspace) -> pa.Table:
    """Return the sources rows of all committed parts."""
    parts = sorted(workspace.parts.glob("*.sources.parquet"))
    return pa.concat_tables([SOURCES.arrow.empty_table(), *_union(SOURCES, parts)])


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


def _union(schema: TableSchema, paths: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield the rows of several tables, each in the order of its key, in the order of the key."""
    short, runs = [], []
    for path in paths:
        if _count_rows(path) < key_order.RUN_ROWS:
            short.append(path)
        else:
            runs.append(read_groups(path, schema))
    if short:
        groups = chain.from_iterable(read_groups(path, schema) for path in short)
        runs.append(in_key_order(groups, schema.key, short[0].parent))
    return merge_runs(runs, schema.key)


def _count_rows(path: Path) -> int:
    with reading_parquet(path, REMEDY):
        return int(pq.read_metadata(path).num_rows)


def _with_labels_of(old: Iterator[pa.Table], faces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield `faces` with the label columns of `old` for every `face_id` that both have; both are sorted by it."""
    window = next(old, None)
    for table in faces:
        ends = table["face_id"][0].as_py(), table["face_id"][-1].as_py()
        while window is not None and window["face_id"][-1].as_py() < ends[1] and (more := next(old, None)) is not None:
            window = pa.concat_tables([window, more])
        if window is None:
            yield table
            continue
        window = window.filter(pc.greater_equal(window["face_id"], ends[0]))
        position = pc.index_in(table["face_id"], value_set=window["face_id"].combine_chunks())
        known = pc.is_valid(position)
        for name in window.column_names[1:]:
            carried = pc.if_else(known, pc.take(window[name], position), table[name])
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), carried)
        yield table
