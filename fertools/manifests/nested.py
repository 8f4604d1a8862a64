"""Taking rows of tables whose columns hold lists of lists: landmarks and matrices.

pyarrow takes, filters and sorts wrong rows of nested fixed-size lists where a chunk is a slice of a longer array: it
forgets where the slice begins. It slices by itself, too: wherever a mask and a table are chunked differently, and
wherever it filters a row group of more than 131,072 rows while reading. 26.0.1 does so, and some calls crash. So rows
of a manifest are taken by the functions here, which copy sliced lists first and never filter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def is_nested(type_: pa.DataType) -> bool:
    """Return whether values of a type are fixed-size lists of fixed-size lists."""
    return bool(pa.types.is_fixed_size_list(type_) and pa.types.is_fixed_size_list(type_.value_type))


def unsliced(table: pa.Table) -> pa.Table:
    """Return `table` with every nested list stored from its beginning; columns that are so already are not copied."""
    for index, field in enumerate(table.schema):
        if is_nested(field.type) and any(map(_is_sliced, table.column(index).chunks)):
            chunks = [_copied(chunk) if _is_sliced(chunk) else chunk for chunk in table.column(index).chunks]
            table = table.set_column(index, field, pa.chunked_array(chunks, field.type))
    return table


def take(table: pa.Table, rows: Any) -> pa.Table:
    """Return rows of a table by their numbers, in the order given.

    Args:
        table: any table, also a slice of one.
        rows: whole numbers from 0, as NumPy or Arrow array.
    """
    return unsliced(table).take(pa.array(rows) if isinstance(rows, np.ndarray) else rows)


def keep(table: pa.Table, mask: Any) -> pa.Table:
    """Return the rows of a table for which `mask` is true; null is false.

    Args:
        table: any table, also a slice of one.
        mask: one boolean per row, as Arrow or NumPy array.
    """
    if not isinstance(mask, np.ndarray):
        mask = np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))
    return take(table, np.flatnonzero(mask))


def in_order(table: pa.Table, key: Any) -> pa.Table:
    """Return a table sorted by `key`, as `pyarrow.Table.sort_by` takes it."""
    keys = [(key, "ascending")] if isinstance(key, str) else key
    return take(table, pc.sort_indices(table.select([name for name, _ in keys]), sort_keys=keys))


def _is_sliced(chunk: pa.Array) -> bool:
    return bool(chunk.offset or chunk.values.offset)


def _copied(chunk: pa.Array) -> pa.Array:
    # Concatenation makes a new array, and reads slices rightly.
    return pa.concat_arrays([chunk.slice(0, 0), chunk])
