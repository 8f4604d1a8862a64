"""Read the manifest one column at a time, so that statistics of ten million faces fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.views.conditions import TEXTS, FaceConditions


@dataclass(frozen=True)
class TextColumn:
    """A column of text as numbers.

    Attributes:
        codes: (N,) int32; the place of each cell in `values`, -1 for a null.
        values: the distinct texts.
    """

    codes: NDArray[np.int32]
    values: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of cells of each value, the most frequent first."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))
        order = sorted(range(len(self.values)), key=lambda place: (-found[place], self.values[place]))
        return {self.values[place]: int(found[place]) for place in order if found[place]}


class DatasetColumns:
    """The columns of the faces that meet some conditions.

    Args:
        workspace: workspace of the manifest.
        conditions: conditions that must all hold.

    Raises:
        InputError: there is no manifest.
        SchemaError: the manifest is damaged or of another schema version.
    """

    def __init__(self, workspace: Workspace, conditions: FaceConditions) -> None:
        self._workspace = workspace
        self._mask: NDArray[np.bool_] | None = None
        for name, part in _single_conditions(conditions):
            mask = part.mask(store.read_faces(workspace, [name]))
            self._mask = mask if self._mask is None else self._mask & mask

    def text(self, name: str) -> TextColumn:
        """Return a column of text."""
        return encode(self._read(name))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, NaN where null."""
        column = self._read(name).cast(pa.float64())
        return np.asarray(column.to_numpy(), np.float64)

    def _read(self, name: str) -> pa.ChunkedArray:
        column = store.read_faces(self._workspace, [name])[name]
        return column if self._mask is None else column.filter(pa.array(self._mask))


def encode(column: pa.ChunkedArray) -> TextColumn:
    """Return a column of text as numbers."""
    encoded: Any = pc.dictionary_encode(column).unify_dictionaries()
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    values: Sequence[str] = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else ()
    return TextColumn(np.concatenate(codes).astype(np.int32) if codes else np.zeros(0, np.int32), tuple(values))


def _single_conditions(conditions: FaceConditions) -> Sequence[tuple[str, FaceConditions]]:
    """Return one condition per column, so that only one column is in memory at a time."""
    found = [
        (column, FaceConditions(**{"status": (), name: getattr(conditions, name)}))
        for name, column in TEXTS.items()
        if getattr(conditions, name)
    ]
    return [
        *found,
        *((name, FaceConditions(status=(), ranges={name: limits})) for name, limits in conditions.ranges.items()),
    ]
