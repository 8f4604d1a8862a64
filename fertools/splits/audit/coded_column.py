"""A column of many rows as numbers: each different value is stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.manifests.column_codes import dictionary_of, renumber

Codes = NDArray[np.int32]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coded:
    """N values as numbers.

    Attributes:
        codes: (N,) number of each row's value; -1 where it is unknown.
        values: the different values, in the order of their first rows.
    """

    codes: Codes
    values: pa.Array

    @classmethod
    def of(cls, values: Sequence[Any] | pa.Array | pa.ChunkedArray) -> Coded:
        """Return a column of texts or numbers; None is unknown.

        Example:
            >>> Coded.of(["b", None, "a", "b"]).codes.tolist()
            [0, -1, 1, 0]
        """
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
        if pa.types.is_null(array.type):
            return cls.unknown(len(array))
        coded = dictionary_of(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))
        return cls(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32), coded.dictionary)

    @classmethod
    def unknown(cls, count: int) -> Coded:
        """Return a column without any known value."""
        return cls(np.full(count, -1, np.int32), pa.array([], pa.string()))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> Any:
        """Return the value of a row, or None."""
        code = int(self.codes[row])
        return None if code < 0 else self.values[code].as_py()

    @property
    def known(self) -> Bools:
        """(N,) whether the value is known."""
        return self.codes >= 0

    def where(self, mask: Bools) -> Coded:
        """Return the column with the values of other rows unknown."""
        return Coded(np.where(mask, self.codes, np.int32(-1)), self.values)


def combine(first: Coded | Codes, second: Coded | Codes, rows: Bools | None = None) -> Codes:
    """Return a code for each pair of values; -1 where one of them is unknown, or a row is left out.

    Example:
        >>> combine(Coded.of(["a", "a", None, "b"]), Coded.of([1, 2, 1, 1])).tolist()
        [0, 1, -1, 2]
    """
    one, other = (column.codes if isinstance(column, Coded) else column for column in (first, second))
    known = (one >= 0) & (other >= 0)
    if rows is not None:
        known &= rows
    codes = np.full(len(one), -1, np.int32)
    chosen = np.flatnonzero(known)
    count = int(other.max(initial=0)) + 1
    codes[chosen] = renumber(
        one[chosen].astype(np.int64) * count + other[chosen], (int(one.max(initial=0)) + 1) * count
    )
    return codes


def count_codes(codes: Codes) -> int:
    """Return the number of different codes, if each up to the largest one occurs."""
    return int(codes.max(initial=-1)) + 1
