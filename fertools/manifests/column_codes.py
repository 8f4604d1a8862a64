"""Text columns as integer codes, so that millions of rows are compared without Python objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
_SPARSE = 4
"""Largest number of possible values for each given one. Beyond it, an array of all possible values is too large."""


def encode(column: pa.ChunkedArray) -> tuple[Integers, pa.Array]:
    """Return the code of each row, and the values by code in ascending order.

    Args:
        column: N texts or numbers. The code of a null is -1.

    Example:
        >>> codes, values = encode(pa.chunked_array([["b", None, "a", "b"]]))
        >>> codes.tolist(), values.to_pylist()
        ([1, -1, 0, 1], ['a', 'b'])
    """
    encoded = dictionary_of(column)
    values, codes = encoded.dictionary, pc.fill_null(encoded.indices, -1).to_numpy()
    # A dictionary may hold values that no row has.
    used = np.bincount(codes + 1, minlength=len(values) + 1)[1:] > 0
    order = pc.sort_indices(values).to_numpy()
    order = order[used[order]]
    rank = np.full(len(values) + 1, -1, np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], values.take(pa.array(order))


def dictionary_of(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column as one array of indices into its distinct values.

    Chunks that are encoded one by one share a growing dictionary, and to unify them hashes it again for each chunk: the
    column is joined first.

    Example:
        >>> dictionary_of(pa.chunked_array([["b", None], ["a", "b"]])).indices.to_pylist()
        [0, None, 1, 0]
    """
    encoded: pa.DictionaryArray = column.combine_chunks()
    return encoded if pa.types.is_dictionary(encoded.type) else pc.dictionary_encode(encoded)


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
        step = int(codes.max(initial=-1)) + 2
        found = renumber(found * step + codes + 1, (int(found.max(initial=-1)) + 1) * step)
    combined = np.full(len(known), -1, np.int64)
    combined[known] = found
    return combined


def distinct(numbers: Integers, limit: int) -> Integers:
    """Return the distinct ones of N numbers from 0 to `limit` - 1, in order.

    Example:
        >>> distinct(np.array([7, 0, 7]), 8).tolist()
        [0, 7]
    """
    if limit > _SPARSE * len(numbers):
        return np.unique(numbers)
    # A place for each possible number needs no sorting.
    there = np.zeros(limit, np.bool_)
    there[numbers] = True
    return np.flatnonzero(there)


def renumber(numbers: Integers, limit: int) -> Integers:
    """Return the place of each number among the distinct ones; see `distinct`.

    Example:
        >>> renumber(np.array([7, 0, 7]), 8).tolist()
        [1, 0, 1]
    """
    if limit > _SPARSE * len(numbers):
        return np.unique(numbers, return_inverse=True)[1].reshape(-1)
    place = np.zeros(limit, np.int32)
    place[distinct(numbers, limit)] = 1
    place = np.cumsum(place, dtype=np.int32, out=place)
    return place[numbers].astype(np.int64) - 1


def is_equal(column: pa.ChunkedArray, value: str) -> npt.NDArray[np.bool_]:
    """Return which rows of a column equal a text; null does not.

    Example:
        >>> is_equal(pa.chunked_array([["a", None, "b"]]), "a").tolist()
        [True, False, False]
    """
    return np.asarray(pc.fill_null(pc.equal(column, value), False).to_numpy(), np.bool_)
