"""Blocks of an Arrow table in an anonymous temporary file, which disappears with the process."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import IO

import pyarrow as pa

from fertools.core import files

_ALIGNMENT = 64
"""Alignment of Arrow buffers in bytes; values at other positions would have to be copied."""


class BlockFile:
    """Tables of one schema, appended one after another.

    Args:
        folder: folder of the file. It is created with the first block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._places: list[tuple[int, int]] = []

    def append(self, table: pa.Table) -> int:
        """Append a table as one block and return the number of the block, from 0.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        sink = pa.BufferOutputStream()
        block = table.combine_chunks()
        with pa.ipc.new_stream(sink, block.schema) as writer:
            writer.write_table(block)
        content = sink.getvalue()
        if self._file is None:
            self._file = files.anonymous_file(self._folder)
        self._places.append((files.append(self._file, content, self._folder, _ALIGNMENT), len(content)))
        return len(self._places) - 1

    def read(self, number: int) -> pa.Table:
        """Return a block, copied into memory."""
        if self._file is None:
            raise IndexError(number)
        start, size = self._places[number]
        return _table(pa.py_buffer(os.pread(self._file.fileno(), size, start)))

    def mapped(self) -> list[pa.Table]:
        """Return all blocks, memory-mapped: the operating system loads and drops their pages as needed.

        They stay valid after the file is closed.
        """
        if self._file is None:
            return []
        whole = pa.py_buffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        return [_table(whole.slice(start, size)) for start, size in self._places]

    def close(self) -> None:
        """Close the file; the disk space is free again once mapped blocks are released, too."""
        if self._file is not None:
            self._file.close()


def _table(content: pa.Buffer) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()
