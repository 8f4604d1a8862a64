"""Read the manifest one column at a time, so that statistics of ten million faces fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.column_codes import dictionary_of
from fertools.views.conditions import FaceConditions


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
    """The columns of some faces.

    Args:
        read: returns a whole column of the manifest by name.
        mask: which faces of the manifest to take; None for all.
    """

    def __init__(self, read: Callable[[str], pa.ChunkedArray], mask: NDArray[np.bool_] | None = None) -> None:
        self._read_whole, self._mask = read, None if mask is None else pa.array(mask)

    def text(self, name: str) -> TextColumn:
        """Return a column of text. Values that no face has are left out."""
        return encode(self._read(name))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, NaN where null."""
        column = self._read(name).cast(pa.float64())
        return np.asarray(column.to_numpy(), np.float64)

    def _read(self, name: str) -> pa.ChunkedArray:
        column = self._read_whole(name)
        return column if self._mask is None else column.filter(self._mask)


def read_columns(workspace: Workspace, conditions: FaceConditions) -> DatasetColumns:
    """Return the columns of the faces that meet some conditions; each is read from the manifest when it is needed.

    Args:
        workspace: workspace of the manifest.
        conditions: conditions that must all hold.

    Raises:
        InputError: there is no manifest.
        SchemaError: the manifest is damaged or of another schema version.
    """

    def read(name: str) -> pa.ChunkedArray:
        return store.read_faces(workspace, [name])[name]

    mask: NDArray[np.bool_] | None = None
    for part in conditions.parts():
        found = part.mask(store.read_faces(workspace, part.columns))
        mask = found if mask is None else mask & found
    return DatasetColumns(read, mask)


def encode(column: pa.ChunkedArray) -> TextColumn:
    """Return a column of text as numbers. The column may be dictionary-encoded."""
    encoded = dictionary_of(column)
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int32)
    values = encoded.dictionary.to_pylist()
    # The dictionary may hold values that no cell has.
    occurs = np.bincount(codes[codes >= 0], minlength=len(values)) > 0
    places = np.append(np.cumsum(occurs) - 1, -1).astype(np.int32)
    return TextColumn(places[codes], tuple(value for value, known in zip(values, occurs, strict=True) if known))
