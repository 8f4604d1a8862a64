"""Rows on their way to a table: gathered in blocks that leave memory for a file without a name.

A video of hours has hundreds of thousands of faces, and as Python objects each takes some three kilobytes. A block of
them becomes Arrow, is written away, and is mapped back at the end: the system then holds in memory what is looked at,
and lets go of it where memory is short. The file has no name, so whatever ends the process ends it too.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from fertools.core import files
from fertools.manifests.schema import TableSchema

BLOCK_ROWS = 4096
"""Rows that are gathered before they leave: some 12 MB as Python objects, 3 MB as Arrow."""
_ALIGNMENT = 64
"""Arrow's own; at another place its values could not be used where they lie."""


class TableWriter:
    """Gathers rows of one table.

    Args:
        folder: where blocks are written; made if missing, and touched only if there is more than one block.
        schema: of the rows.
    """

    def __init__(self, folder: Path, schema: TableSchema) -> None:
        self._folder, self._schema = folder, schema
        self._rows: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []
        self._waiting = 0
        self._file: IO[bytes] | None = None
        self._pieces: list[tuple[int, int]] = []

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take rows; keys that a row lacks are null.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        for row in rows:
            self._rows.append(row)
            if len(self._rows) >= BLOCK_ROWS:
                self._gather()

    def add_table(self, table: pa.Table) -> None:
        """Take all rows of a table of the schema.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        self._tables.append(table)
        self._waiting += len(table)
        if self._waiting >= BLOCK_ROWS:
            self._write()

    def table(self) -> pa.Table:
        """Return all rows in the order in which they came, as a table that lies on the disk but for its last block.

        It stays good after the writer is closed.
        """
        self._gather()
        written = []
        if self._file is not None:
            whole = pa.py_buffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
            for start, size in self._pieces:
                with pa.ipc.open_stream(whole.slice(start, size)) as reader:
                    written.append(reader.read_all())
        return pa.concat_tables([self._schema.arrow.empty_table(), *written, *self._tables])

    def close(self) -> None:
        """Let the file go, which gives its room back when its table is let go too."""
        if self._file is not None:
            self._file.close()

    def _gather(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self.add_table(pa.Table.from_pylist(rows, schema=self._schema.arrow))

    def _write(self) -> None:
        """Write the tables that wait as one block behind the others."""
        sink = pa.BufferOutputStream()
        block = pa.concat_tables(self._tables).combine_chunks()
        with pa.ipc.new_stream(sink, block.schema) as writer:
            writer.write_table(block)
        content = sink.getvalue()
        if self._file is None:
            self._file = files.anonymous_file(self._folder)
        start = files.append(self._file, content, self._folder, _ALIGNMENT)
        self._pieces.append((start, len(content)))
        self._tables, self._waiting = [], 0
