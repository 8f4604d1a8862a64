"""Rows that belong together, such as the rows of a person: groups of row numbers, without an object for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from fertools.splits.audit.coded_column import Codes, Integers


class Cases(Sequence[tuple[int, ...]]):
    """Groups of row numbers.

    Args:
        rows: the row numbers of all groups, one group after another.
        starts: G + 1 places in `rows`: where each group begins, and the end of the last one.
    """

    def __init__(self, rows: Integers, starts: Integers) -> None:
        self._rows, self._starts = rows, starts

    @classmethod
    def by(cls, codes: Codes, rows: Integers) -> Cases:
        """Return the groups of rows that share a code.

        Args:
            codes: (M,) a code for each row.
            rows: (M,) row numbers, in ascending order.

        Example:
            >>> list(Cases.by(np.array([1, 0, 1], np.int32), np.array([5, 6, 7])))
            [(6,), (5, 7)]
        """
        order = np.argsort(codes, kind="stable")
        changes = np.flatnonzero(np.diff(codes[order])) + 1
        return cls(rows[order], np.concatenate([[0], changes, [len(rows)]]) if len(rows) else np.zeros(1, np.int64))

    @classmethod
    def each(cls, table: Integers) -> Cases:
        """Return a group for each row of an array: (G,) for groups of one row, (G, 2) for pairs."""
        width = table.shape[1] if table.ndim > 1 else 1
        return cls(table.reshape(-1), np.arange(0, table.size + 1, width))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, place: int) -> tuple[int, ...]: ...
    @overload
    def __getitem__(self, place: slice) -> list[tuple[int, ...]]: ...
    def __getitem__(self, place: int | slice) -> tuple[int, ...] | list[tuple[int, ...]]:
        """Return a group, or some of them."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        return tuple(self._rows[self._starts[place] : self._starts[place + 1]].tolist())
