"""Build an Arrow table larger than memory by spilling blocks to an anonymous temporary file.

A video of several hours has hundreds of thousands of faces, and a face takes about 3 kB as Python objects. The writer
converts each block of rows to Arrow and appends it to the file. The finished table is memory-mapped, so the operating
system loads and drops pages as needed. The file has no name, so it disappears with the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from fertools.manifests.block_file import BlockFile
from fertools.manifests.table_schema import TableSchema

BLOCK_ROWS = 4096
"""Rows per block: about 12 MB as Python objects, 3 MB as Arrow."""


class TableWriter:
    """Collects the rows of one table.

    Args:
        folder: folder of the temporary file. It is created only if there is more than one block.
        schema: schema of the rows.
    """

    def __init__(self, folder: Path, schema: TableSchema) -> None:
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []
        self._waiting = 0
        self._blocks = BlockFile(folder)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows; a column that a row lacks is null.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        for row in rows:
            self._rows.append(row)
            if len(self._rows) >= BLOCK_ROWS:
                self._collect()

    def add_table(self, table: pa.Table) -> None:
        """Add all rows of a table of the same schema.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        self._tables.append(table)
        self._waiting += len(table)
        if self._waiting >= BLOCK_ROWS:
            self._write()

    def table(self) -> pa.Table:
        """Return all rows in the order of their arrival, as a memory-mapped table except for its last block.

        The table stays valid after the writer is closed.
        """
        self._collect()
        return pa.concat_tables([self._schema.arrow.empty_table(), *self._blocks.mapped(), *self._tables])

    def close(self) -> None:
        """Close the file; the disk space is free again once the table is released, too."""
        self._blocks.close()

    def _collect(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self.add_table(pa.Table.from_pylist(rows, schema=self._schema.arrow))

    def _write(self) -> None:
        """Append the waiting tables to the file as one block."""
        self._blocks.append(pa.concat_tables(self._tables))
        self._tables, self._waiting = [], 0
