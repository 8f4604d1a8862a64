"""Check the identifiers and paths in a manifest, so that a table from elsewhere cannot choose where files are written.

An identifier is 32 hex digits. The path of a crop follows from its `face_id`. The picture of a generated face may also
be below `training/`, in a file named after its parent. Every table is checked when it is read, so code may join the
paths of faces to the workspace. The path of a source may point anywhere, because it is only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import SchemaError
from fertools.manifests.schema import FACES
from fertools.manifests.table_schema import TableSchema

_IDENTIFIERS = ("face_id", "source_id", "parent_id")
_HEX = "^[0-9a-f]{32}$"
_GENERATED = r"^training/.+/[^/\\]+\.png$"
_UPWARDS = r"(^|[/\\])\.\.?([/\\]|$)"
"""A path component of one or two dots, which could lead out of a folder."""


def names_beside(schema: TableSchema, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the additional columns that `check_names` needs to check `columns`."""
    return ("face_id", "parent_id") if schema is FACES and "path" in columns else ()


def check_names(path: Path, schema: TableSchema, table: pa.Table) -> None:
    """Check the identifiers and paths of a table.

    Args:
        path: file that the table was read from, for messages.
        schema: schema of the table.
        table: the table, or some of its columns.

    Raises:
        SchemaError: an identifier is not 32 hex digits, or a path does not follow from the identifier.
    """
    for name in set(_IDENTIFIERS).intersection(table.column_names):
        _refuse(path, table[name], pc.match_substring_regex(table[name], _HEX), f"{name} that is not 32 hex digits")
    if schema is FACES and "path" in table.column_names:
        _refuse(path, table["path"], _follows(table), "path that does not follow from the face's identifier")


def _follows(table: pa.Table) -> Any:
    """Return which paths are valid for a crop or a generated face; null where there is no path."""
    paths, faces, parents = table["path"], table["face_id"], table["parent_id"]
    folders = pc.binary_join_element_wise("faces", pc.utf8_slice_codeunits(faces, 0, 2), faces, "/")
    crop = pc.and_(pc.equal(pc.utf8_slice_codeunits(paths, 0, 41), folders), _ends(paths, 41, (".jpg", ".png")))
    inside = pc.invert(pc.match_substring_regex(paths, _UPWARDS))
    made = pc.and_(pc.match_substring_regex(paths, _GENERATED), inside)
    named = pc.equal(pc.utf8_slice_codeunits(paths, -36, -4), parents)
    return pc.or_(crop, pc.and_(made, pc.fill_null(named, False)))


def _ends(paths: Any, start: int, endings: Sequence[str]) -> Any:
    return pc.is_in(pc.utf8_slice_codeunits(paths, start), value_set=pa.array(endings))


def _refuse(path: Path, values: Any, good: Any, what: str) -> None:
    if pc.all(good, min_count=0).as_py():
        return
    first = pc.index(pc.fill_null(good, True), False).as_py()
    raise SchemaError(
        f"{path} holds a {what} ({values[first].as_py()!r}), so fertools did not write it; restore it or ingest again"
    )
