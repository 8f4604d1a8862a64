"""Check the identifiers and paths in a manifest, so that a table from elsewhere cannot choose where files are written.

An identifier is 32 hex digits. The path of a crop follows from its `face_id`. The picture of a generated face may also
be below `training/`, in a file named after its parent. Every table is checked when it is read, so code may join the
paths of faces to the workspace. The path of a source may point anywhere, because it is only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.errors import SchemaError
from fertools.manifests.schema import FACES
from fertools.manifests.table_schema import TableSchema

_IDENTIFIERS = ("face_id", "source_id", "parent_id")
_HEX = "^[0-9a-f]{32}$"
_HEX_LENGTH = 32
_GENERATED = r"^training/.+/[^/\\]+\.png$"
_FOLDER = np.frombuffer(b"faces/", np.uint8)
_ENDINGS = np.frombuffer(b".jpg.png", np.uint8).reshape(2, 4)
_CROP_LENGTH = len("faces/00/") + _HEX_LENGTH + len(".png")
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
    # The quick tests say that all is well. The slow ones find the row that is not.
    for name in set(_IDENTIFIERS).intersection(table.column_names):
        if not all(map(_is_hex, table[name].chunks)):
            _refuse(path, table[name], pc.match_substring_regex(table[name], _HEX), f"{name} that is not 32 hex digits")
    if schema is FACES and "path" in table.column_names:
        others = _without_crops(table)
        _refuse(path, others["path"], _follows(others), "path that does not follow from the face's identifier")


def _is_hex(values: pa.Array) -> bool:
    """Return whether all texts are 32 hex digits."""
    values = values.drop_null()
    lengths = pc.min_max(pc.binary_length(values)).as_py()
    if not len(values) or lengths != {"min": _HEX_LENGTH, "max": _HEX_LENGTH}:
        return not len(values)
    letters = _letters(values)
    # Unsigned numbers wrap around, so each range is one comparison.
    return bool(((letters - np.uint8(ord("0")) < 10) | (letters - np.uint8(ord("a")) < 6)).all())


def _without_crops(table: pa.Table) -> pa.Table:
    """Return the rows whose path is not the usual one of a crop."""
    usual = [np.zeros(0, np.bool_)]
    for rows in table.select(["path", "face_id"]).to_batches():
        paths, faces = rows.columns
        good = pc.fill_null(pc.equal(pc.binary_length(paths), _CROP_LENGTH), False)
        good = pc.and_(good, pc.fill_null(pc.equal(pc.binary_length(faces), _HEX_LENGTH), False))
        chosen = good.to_numpy(zero_copy_only=False).copy()
        path = _letters(paths.filter(good)).reshape(-1, _CROP_LENGTH)
        face = _letters(faces.filter(good)).reshape(-1, _HEX_LENGTH)
        same = (path[:, :6] == _FOLDER).all(axis=1) & (path[:, 6:8] == face[:, :2]).all(axis=1)
        same &= (path[:, 8] == ord("/")) & (path[:, 9:41] == face).all(axis=1)
        same &= (path[:, None, 41:] == _ENDINGS).all(axis=2).any(axis=1)
        chosen[chosen] = same
        usual.append(chosen)
    return table.select(["path", "face_id", "parent_id"]).filter(pa.array(~np.concatenate(usual)))


def _letters(texts: pa.Array) -> NDArray[np.uint8]:
    """Return the bytes of all texts as one array."""
    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return np.zeros(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return np.frombuffer(content, np.uint8)[ends[0] : ends[1]]


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
