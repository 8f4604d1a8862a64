"""The tables that invariants check, and helpers that turn masks of violating rows into identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.source_codes import number_sources
from fertools.manifests.table_schema import TableSchema

SOURCE_COLUMNS = (
    *("source_id", "kind", "width_px", "height_px", "status"),
    *("faces_kept", "faces_rejected", "faces_interpolated"),
)
"""Columns of all sources that invariants of faces and of tables need."""

Mask = npt.NDArray[np.bool_]


SOURCE_NUMBER = "source_number"
"""Column beside those of the manifest: the number of the face's source; see `fertools.manifests.source_codes`."""


@dataclass(frozen=True)
class ValidationContext:
    """The rows and settings that an invariant checks.

    Attributes:
        workspace: the workspace of the crops.
        faces: for an invariant of rows, all columns of some rows of the manifest; for an invariant of tables, its
            columns of all rows. SOURCE_NUMBER is beside them.
        sources: for an invariant of rows, all columns of some rows of the sources table; otherwise `every_source`.
        every_source: all rows of the sources table, with SOURCE_COLUMNS.
        labels: allowed values of `emotion`.
        by_source: whether the recorded split keeps each source in one part.
    """

    workspace: Workspace
    faces: pa.Table
    sources: pa.Table
    every_source: pa.Table
    labels: tuple[str, ...]
    by_source: bool = False

    @classmethod
    def of_tables(
        cls, workspace: Workspace, faces: pa.Table, sources: pa.Table, labels: tuple[str, ...]
    ) -> ValidationContext:
        """Return the context of whole tables that are in memory, such as those of an import; see the attributes."""
        numbers = pa.array(number_sources(faces["source_id"], sources["source_id"]))
        return cls(workspace, faces.append_column(SOURCE_NUMBER, numbers), sources, sources, labels)

    def of_source(self, name: str) -> pa.Array:
        """Return a column of the source of each face; null if the source is unknown."""
        numbers = self.faces[SOURCE_NUMBER].combine_chunks()
        known = pc.less(numbers, len(self.every_source))
        rows = pc.if_else(known, numbers, pa.scalar(None, pa.int32()))
        return self.every_source[name].take(rows).combine_chunks()


def valid(table: pa.Table, name: str) -> Mask:
    """Return which rows of a column are not null."""
    return np.asarray(pc.is_valid(table[name]).to_numpy(), np.bool_)


def equals(table: pa.Table, name: str, value: str) -> Mask:
    """Return which rows of a column equal `value`; null does not."""
    return np.asarray(pc.fill_null(pc.equal(table[name], value), False).to_numpy(), np.bool_)


def is_true(table: pa.Table, name: str) -> Mask:
    """Return which rows of a Boolean column are true; null counts as false."""
    return np.asarray(pc.fill_null(table[name], False).to_numpy(), np.bool_)


def is_among(table: pa.Table, name: str, values: pa.Array) -> Mask:
    """Return which rows of a column equal one of `values`."""
    return np.asarray(pc.is_in(table[name], value_set=values).to_numpy(), np.bool_)


def source_numbers(context: ValidationContext) -> npt.NDArray[np.int32]:
    """Return the number of the source of each face; see `SOURCE_NUMBER`."""
    return np.asarray(context.faces[SOURCE_NUMBER].to_numpy(), np.int32)


class Names(Sequence[str]):
    """Identifiers of rows, in the order of their table. A table without any crop violates a rule in every row.

    Args:
        found: the identifiers.
    """

    def __init__(self, found: pa.ChunkedArray) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        found = self._found[place]
        return str(found.as_py()) if isinstance(place, int) else [str(name) for name in found.to_pylist()]


def violating_faces(context: ValidationContext, broken: Mask) -> Sequence[str]:
    """Return the identifiers of the faces in the mask `broken`."""
    if not broken.any():
        return []
    named = FACES.key in context.faces.column_names
    faces = context.faces if named else store.read_faces(context.workspace, [FACES.key])
    return violating_ids(faces, FACES, broken)


def violating_ids(table: pa.Table, schema: TableSchema, broken: Mask) -> Sequence[str]:
    """Return the identifiers of the rows of a table in the mask `broken`."""
    if not broken.any():
        return []
    return Names(table[schema.key].filter(pa.array(broken)))


def list_values(table: pa.Table, name: str, width: int) -> npt.NDArray[np.float64]:
    """Return a column of (nested) fixed-size lists as N x `width`, NaN where a row is null."""
    column = table[name].combine_chunks()
    filled = np.full((len(table), width), np.nan)
    values = column.drop_null()
    while pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    filled[valid(table, name)] = values.to_numpy(zero_copy_only=False).reshape(-1, width)
    return filled
