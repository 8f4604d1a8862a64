"""Read Parquet files; every table is read here, so a damaged file always gives the same one-sentence error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fertools.core.errors import FertoolsError, SchemaError
from fertools.core.explain import blame

Filters = list[Any]
"""Conditions that must all hold, in the form of pyarrow: `[("status", "=", "kept"), ("fold", "in", [0, 1])]`."""


@contextmanager
def reading_parquet(path: Path, remedy: str) -> Iterator[None]:
    """Turn any error of pyarrow about a damaged file into one sentence. Put only calls of pyarrow into the block.

    Args:
        path: path of the file.
        remedy: what the user should do with a damaged file, for the message.

    Raises:
        SchemaError: the file is damaged or not Parquet.
        MachineError: the machine reached a limit, for example of open files.
    """
    try:
        yield
    except FertoolsError:
        raise
    except Exception as error:
        raise SchemaError(str(blame(error, path, "cannot be read as Parquet", remedy))) from error


def read_parquet(
    path: Path, columns: Sequence[str] | None = None, filters: Filters | None = None, *, remedy: str
) -> pa.Table:
    """Return a table, or some of its columns and rows, after verifying its page checksums.

    Args:
        path: path of the file.
        columns: names of the wanted columns, in order; None for all.
        filters: conditions that must all hold; a null fulfils no condition.
        remedy: what the user should do with a damaged file, for the message.

    Raises:
        SchemaError: the file is damaged or not Parquet.
        MachineError: the machine reached a limit, for example of open files.
    """
    with reading_parquet(path, remedy):
        # The error of the operating system explains best why a file cannot be opened. For a folder, pyarrow would read
        # all files in it.
        path.open("rb").close()
        wanted = list(columns) if columns is not None else None
        table = pq.read_table(
            path, columns=wanted, filters=filters or None, partitioning=None, page_checksum_verification=True
        )
        return checked(table)


def checked(table: pa.Table) -> pa.Table:
    """Return a table after checking that its text is UTF-8 and its list offsets are valid.

    Raises:
        pyarrow.ArrowInvalid: the check failed; later calls would fail or read beyond the buffers.
    """
    table.validate(full=True)
    return table
