"""The tables that invariants check, and helpers that turn masks of violating rows into identifiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests.schema import FACES
from fertools.manifests.table_schema import TableSchema

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ValidationContext:
    """The tables and settings that invariants check.

    Attributes:
        workspace: the workspace of the crops.
        faces: the manifest, with all columns.
        sources: the sources table, with all columns.
        labels: allowed values of `emotion`.
        by_source: whether the recorded split keeps each source in one part.
    """

    workspace: Workspace
    faces: pa.Table
    sources: pa.Table
    labels: tuple[str, ...]
    by_source: bool = False


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


def violating_faces(context: ValidationContext, broken: Mask) -> list[str]:
    """Return the identifiers of the faces in the mask `broken`."""
    return violating_ids(context.faces, FACES, broken)


def violating_ids(table: pa.Table, schema: TableSchema, broken: Mask) -> list[str]:
    """Return the identifiers of the rows of a table in the mask `broken`."""
    return [str(name) for name in table[schema.key].filter(pa.array(broken)).to_pylist()]


def list_values(table: pa.Table, name: str, width: int) -> npt.NDArray[np.float64]:
    """Return a column of (nested) fixed-size lists as N x `width`, NaN where a row is null."""
    column = table[name].combine_chunks()
    filled = np.full((len(table), width), np.nan)
    values = column.drop_null()
    while pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    filled[valid(table, name)] = values.to_numpy(zero_copy_only=False).reshape(-1, width)
    return filled
