"""Text columns as integer codes, so that millions of rows are compared without Python objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]


def encode(column: pa.ChunkedArray) -> tuple[Integers, pa.Array]:
    """Return the code of each row, and the values by code in ascending order.

    Args:
        column: N texts or numbers. The code of a null is -1.

    Example:
        >>> codes, values = encode(pa.chunked_array([["b", None, "a", "b"]]))
        >>> codes.tolist(), values.to_pylist()
        ([1, -1, 0, 1], ['a', 'b'])
    """
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    encoded = encoded.unify_dictionaries()
    if not encoded.num_chunks:
        return np.empty(0, np.int64), pa.array([], column.type)
    values = encoded.chunk(0).dictionary
    codes = np.concatenate([pc.fill_null(chunk.indices, -1).to_numpy() for chunk in encoded.chunks])
    # A dictionary may hold values that no row has.
    used = np.bincount(codes + 1, minlength=len(values) + 1)[1:] > 0
    order = pc.sort_indices(values).to_numpy()
    order = order[used[order]]
    rank = np.full(len(values) + 1, -1, np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], values.take(pa.array(order))


def combine(*columns: Integers) -> Integers:
    """Return one code per distinct combination of codes.

    Args:
        columns: codes of N rows each, from -1. A row has the code -1 if the last column has -1 there.

    Example:
        >>> combine(np.array([0, 0, -1]), np.array([3, -1, 3])).tolist()
        [1, -1, 0]
    """
    known = columns[-1] >= 0
    found = np.zeros(int(known.sum()), np.int64)
    for codes in (column[known] for column in columns):
        # Renumbered after each column, so that products stay small.
        _, found = np.unique(found * (codes.max(initial=-1) + 2) + codes + 1, return_inverse=True)
    combined = np.full(len(known), -1, np.int64)
    combined[known] = found
    return combined


def is_equal(column: pa.ChunkedArray, value: str) -> npt.NDArray[np.bool_]:
    """Return which rows of a column equal a text; null does not.

    Example:
        >>> is_equal(pa.chunked_array([["a", None, "b"]]), "a").tolist()
        [True, False, False]
    """
    return np.asarray(pc.fill_null(pc.equal(column, value), False).to_numpy(), np.bool_)
