"""Select rows of tables with nested list columns (landmarks and matrices) safely.

pyarrow 26.0.1 takes, filters and sorts wrong rows of nested fixed-size lists if a chunk is a slice of a longer array.
The reason is that it ignores the offset of the slice; some calls crash. It also creates such slices itself: if a mask
and a table have different chunks, and if it filters a row group of more than 131,072 rows while reading. Therefore all
code selects rows of a manifest with the functions here. They copy sliced lists first and never filter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def is_nested(type_: pa.DataType) -> bool:
    """Return whether a type is a fixed-size list of fixed-size lists."""
    return bool(pa.types.is_fixed_size_list(type_) and pa.types.is_fixed_size_list(type_.value_type))


def unsliced(table: pa.Table) -> pa.Table:
    """Return `table` without sliced nested lists; only sliced columns are copied."""
    for index, field in enumerate(table.schema):
        if is_nested(field.type) and any(map(_is_sliced, table.column(index).chunks)):
            chunks = [_copied(chunk) if _is_sliced(chunk) else chunk for chunk in table.column(index).chunks]
            table = table.set_column(index, field, pa.chunked_array(chunks, field.type))
    return table


def take(table: pa.Table, rows: Any) -> pa.Table:
    """Return rows of a table by row number, in the given order.

    Args:
        table: any table, including a slice.
        rows: row numbers from 0, as a NumPy or Arrow array.
    """
    return unsliced(table).take(pa.array(rows) if isinstance(rows, np.ndarray) else rows)


def keep(table: pa.Table, mask: Any) -> pa.Table:
    """Return the rows of a table for which `mask` is true; null counts as false.

    Args:
        table: any table, including a slice.
        mask: one Boolean per row, as an Arrow or NumPy array.
    """
    if not isinstance(mask, np.ndarray):
        mask = np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))
    return take(table, np.flatnonzero(mask))


def in_order(table: pa.Table, key: Any) -> pa.Table:
    """Return a table sorted by `key`: a column name or a list as for `pyarrow.Table.sort_by`."""
    keys = [(key, "ascending")] if isinstance(key, str) else key
    return take(table, pc.sort_indices(table.select([name for name, _ in keys]), sort_keys=keys))


def _is_sliced(chunk: pa.Array) -> bool:
    return bool(chunk.offset or chunk.values.offset)


def _copied(chunk: pa.Array) -> pa.Array:
    # Concatenation creates a new array and handles slices correctly.
    return pa.concat_arrays([chunk.slice(0, 0), chunk])
