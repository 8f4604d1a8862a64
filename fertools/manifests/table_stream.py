"""Read and write a table of a manifest one row group after another, so that ten million rows need little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import InputError, SchemaError
from fertools.core.parquet import Filters, checked, reading_parquet
from fertools.manifests import nested
from fertools.manifests.identifiers import check_names, names_beside
from fertools.manifests.table_schema import SCHEMA_VERSION, VERSION_KEY, TableSchema

GROUP_ROWS = 16_384
"""Rows per row group, about 12 MB in memory."""
REMEDY = "restore it or ingest again"
"""What to do with a damaged table."""


def read_groups(
    path: Path,
    schema: TableSchema,
    columns: Sequence[str] | None = None,
    filters: Filters | None = None,
    *,
    check: bool = True,
) -> Iterator[pa.Table]:
    """Yield the rows of a table, or some of its columns and rows, one row group at a time.

    Args:
        path: path of the file.
        schema: schema of the table.
        columns: names of the wanted columns, in order; None for all.
        filters: conditions that must all hold; see `fertools.manifests.store.read_faces`. Of a row group without such a
            row only the columns of the conditions are read, and nothing is yielded.
        check: check identifiers and paths; False only if the rows go back to the same file.

    Raises:
        InputError: a wanted column is not in the schema.
        SchemaError: see `fertools.manifests.store.read_table`.
    """
    wanted = wanted_columns(schema, columns)
    read = list(dict.fromkeys([*wanted, *names_beside(schema, wanted)]))
    conditions = list(dict.fromkeys(name for name, _, _ in filters or ()))
    with reading_parquet(path, REMEDY):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with closing(file):
        with reading_parquet(path, REMEDY):
            found = file.schema_arrow
            check_schema(path, schema, found)
        group_of = partial(_read_group, file, schema=schema, there=frozenset(found.names))
        for number in range(file.num_row_groups):
            with reading_parquet(path, REMEDY):
                rows = _matching(group_of(number, names=conditions), filters) if filters else None
                if rows is not None and not len(rows):
                    continue
                group = group_of(number, names=read)
            group = group if rows is None or len(rows) == len(group) else nested.take(group, rows)
            if check:
                check_names(path, schema, group)
            yield group.select(wanted)


def _read_group(
    file: pq.ParquetFile, number: int, *, schema: TableSchema, there: frozenset[str], names: Sequence[str]
) -> pa.Table:
    # The key says how many rows there are of a table that is older than every wanted column.
    held = [name for name in names if name in there] or [schema.key]
    return nested.unsliced(schema.completed(checked(file.read_row_group(number, held))).select(list(names)))


def _matching(table: pa.Table, filters: Filters) -> NDArray[np.int64]:
    """Return the numbers of the rows that meet all conditions."""
    # A filter of the whole table starts a plan of Arrow's engine, which takes thirty times as long for a row group.
    met = np.ones(len(table), np.bool_)
    for name, operator, value in filters:
        met &= pc.fill_null(_COMPARISONS[operator](table[name], value), False).to_numpy()
    return np.flatnonzero(met)


def _is_in(column: pa.ChunkedArray, values: Iterable[Any]) -> Any:
    return pc.if_else(pc.is_valid(column), pc.is_in(column, value_set=pa.array(list(values), column.type)), None)


_COMPARISONS: dict[str, Callable[[pa.ChunkedArray, Any], Any]] = {
    "=": pc.equal,
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "in": _is_in,
    "not in": lambda column, values: pc.invert(_is_in(column, values)),
}


def write_groups(path: Path, schema: TableSchema, tables: Iterable[pa.Table]) -> None:
    """Write rows to `path` atomically. They are in the order of the schema's key, in tables of any size.

    The same rows give the same bytes: no time stamps, one compression, and row groups of GROUP_ROWS rows.

    Raises:
        SchemaError: the key of a row is not larger than that of the row before.
        StorageError: the disk is full or cannot be written.
    """
    last = pa.array([], pa.string())
    # A dictionary is wasted on numbers and identifiers, which differ from row to row.
    words = [
        field.name
        for field in schema.arrow
        if pa.types.is_string(field.type) and field.name not in (schema.key, "path")
    ]
    with (
        files.replacing(path) as temporary,
        pq.ParquetWriter(
            temporary, schema.arrow, compression="zstd", use_dictionary=words, write_page_checksum=True
        ) as writer,
    ):
        for group in ahead(_in_groups(tables)):
            keys = pa.concat_arrays([last, *group[schema.key].chunks])
            if keys.null_count or not pc.all(pc.less(keys[:-1], keys[1:]), min_count=0).as_py():
                raise SchemaError(
                    f"cannot write {path}, because {schema.key} is not unique, or rows are not in its order; remove "
                    "repeated rows"
                )
            last = keys[-1:]
            writer.write_table(group)


def ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables while a thread already makes the next one."""
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, tables, None)
        while (table := waiting.result()) is not None:
            waiting = reader.submit(next, tables, None)
            yield table


def replace_groups(
    tables: Iterable[pa.Table], schema: TableSchema, columns: Mapping[str, pa.ChunkedArray]
) -> Iterator[pa.Table]:
    """Yield tables with some columns replaced or added, in the order of the schema.

    Args:
        tables: rows with at least the other columns of the schema.
        schema: schema of the table.
        columns: values of all rows by column, in row order.
    """
    first = 0
    for table in tables:
        own = {name: values.slice(first, len(table)) for name, values in columns.items()}
        first += len(table)
        arrays = [own[name] if name in own else table[name] for name in schema.names]
        yield pa.Table.from_arrays(arrays, schema=schema.arrow)


def wanted_columns(schema: TableSchema, columns: Sequence[str] | None) -> list[str]:
    """Return the names of wanted columns as a list.

    Raises:
        InputError: a wanted column is not in the schema.
    """
    wanted = list(columns) if columns is not None else list(schema.names)
    if unknown := [name for name in wanted if name not in schema.names]:
        raise InputError(
            f"the {schema.name} table has no column '{unknown[0]}'; its columns are {', '.join(schema.names)}"
        )
    return wanted


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


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows in tables of GROUP_ROWS rows and of one chunk per column; the last may be smaller."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        while sum(map(len, waiting)) >= GROUP_ROWS:
            *whole, last = waiting
            lacking = GROUP_ROWS - sum(map(len, whole))
            yield _as_one([*whole, last.slice(0, lacking)])
            waiting = [last.slice(lacking)]
    if any(map(len, waiting)):
        yield _as_one(waiting)


def _as_one(tables: Sequence[Any]) -> pa.Table:
    return nested.unsliced(pa.concat_tables(tables).combine_chunks())
