"""Reading Parquet: every table comes through here, so that a damaged file is one sentence wherever it is met."""

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
"""Conditions that must all hold, as pyarrow takes them: `[("status", "=", "kept"), ("fold", "in", [0, 1])]`."""


@contextmanager
def reading_parquet(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever pyarrow raises on a damaged file into one sentence; keep the block to calls of pyarrow.

    Args:
        path: the file.
        remedy: what to do about it.

    Raises:
        SchemaError: the file is damaged, or no Parquet.
        MachineError: the machine refuses, for example to open one more file.
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
    """Return a table, or some of its columns and rows, once its pages agree with their checksums.

    Args:
        path: the file.
        columns: names in the order wanted; None for all.
        filters: conditions that must all hold; rows for which one is unknown (null) are left out.
        remedy: what to do if it is damaged, for the message.

    Raises:
        SchemaError: the file is damaged, or no Parquet.
        MachineError: the machine refuses, for example to open one more file.
    """
    with reading_parquet(path, remedy):
        # The system says best why a file cannot be opened; and of a folder pyarrow would read all files.
        path.open("rb").close()
        wanted = list(columns) if columns is not None else None
        table = pq.read_table(
            path, columns=wanted, filters=filters or None, partitioning=None, page_checksum_verification=True
        )
        return checked(table)


def checked(table: pa.Table) -> pa.Table:
    """Return a table that was read, once its text is UTF-8 and its lists lie within it.

    Raises:
        pyarrow.ArrowInvalid: they do not, and later calls would read beyond the table or fail.
    """
    table.validate(full=True)
    return table
