"""What a table of a manifest is: its columns, their order and its key, and how older tables are completed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1
VERSION_KEY = b"fertools.schema_version"
"""Key of the schema version in the metadata of a Parquet file; the value is decimal digits."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: name of the column.
        type: Arrow type of the column.
        group: heading of the column in the reference page.
        doc: meaning of the column, with units and range.
        required: whether null is an error.
        choices: the allowed values; None allows any value.
        bounds: the smallest and the largest allowed value; None allows any value.
        added: whether tables of this schema version were written without the column. It is null in these.
    """

    name: str
    type: pa.DataType
    group: str
    doc: str
    required: bool = False
    choices: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None
    added: bool = False


@dataclass(frozen=True)
class TableSchema:
    """A table: its name, its columns in order, and its key.

    The key is the column that the table is sorted by and in which no value occurs twice.
    """

    name: str
    key: str
    columns: tuple[Column, ...]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema, with the schema version in its metadata."""
        fields = [pa.field(column.name, column.type, nullable=not column.required) for column in self.columns]
        return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def added(self) -> frozenset[str]:
        """The names of the columns that a table of this schema version may lack."""
        return frozenset(column.name for column in self.columns if column.added)

    def completed(self, table: pa.Table) -> pa.Table:
        """Return a table with the columns of `added` that it lacks, which are null."""
        lacking = self.added.difference(table.column_names)
        for name in (name for name in self.names if name in lacking):
            field = self.arrow.field(name)
            table = table.append_column(field, pa.nulls(len(table), field.type))
        return table

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Return `rows` as a table of this schema, sorted by its key. A column that a row lacks is null."""
        table = pa.Table.from_pylist(rows, schema=self.arrow)
        return table.sort_by(self.key).combine_chunks()
