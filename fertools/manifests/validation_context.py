"""What invariants look at, and how they ask of its columns: masks of rows in, names of rows out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests.schema import FACES, TableSchema

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ValidationContext:
    """What the invariants look at.

    Attributes:
        workspace: where the crops lie.
        faces: all columns of the manifest.
        sources: all columns of the sources table.
        labels: the labels that `emotion` may hold.
        by_source: whether the recorded split keeps sources together.
    """

    workspace: Workspace
    faces: pa.Table
    sources: pa.Table
    labels: tuple[str, ...]
    by_source: bool = False


def valid(table: pa.Table, name: str) -> Mask:
    """Return which rows have a value in a column."""
    return np.asarray(pc.is_valid(table[name]).to_numpy(), np.bool_)


def equals(table: pa.Table, name: str, value: str) -> Mask:
    """Return which rows have this text in a column."""
    return np.asarray(pc.fill_null(pc.equal(table[name], value), False).to_numpy(), np.bool_)


def is_true(table: pa.Table, name: str) -> Mask:
    """Return which rows are true in a column, null being false."""
    return np.asarray(pc.fill_null(table[name], False).to_numpy(), np.bool_)


def is_among(table: pa.Table, name: str, values: pa.Array) -> Mask:
    """Return which rows have one of `values` in a column."""
    return np.asarray(pc.is_in(table[name], value_set=values).to_numpy(), np.bool_)


def violating_faces(context: ValidationContext, broken: Mask) -> list[str]:
    """Return the names of some of the faces."""
    return violating_ids(context.faces, FACES, broken)


def violating_ids(table: pa.Table, schema: TableSchema, broken: Mask) -> list[str]:
    """Return the names of some rows of a table."""
    return [str(name) for name in table[schema.key].filter(pa.array(broken)).to_pylist()]


def list_values(table: pa.Table, name: str, width: int) -> npt.NDArray[np.float64]:
    """Return a column of nested fixed-size lists as Nx`width`, nan where the row is null."""
    column = table[name].combine_chunks()
    filled = np.full((len(table), width), np.nan)
    values = column.drop_null()
    while pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    filled[valid(table, name)] = values.to_numpy(zero_copy_only=False).reshape(-1, width)
    return filled
