"""Read tables whose rows hold pictures: Parquet files, and Arrow files as the `datasets` library saves them.

A picture is a column of bytes, or of a structure of `bytes` and `path`. Each row is a member, such as
`train.parquet/00000012.jpg`. Names of classes come from the metadata that `datasets` writes. That library itself is not
needed.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.sources.archives.members import DEFAULT_LIMITS, Contents, Limits, Member, Refused, too_many
from fertools.sources.label_columns import RowReader, SourceLabels

SUFFIXES: Final = (".arrow", ".parquet")
_CACHED: Final = ("cache-", "indices", "tmp")
"""Beginnings of the names of files that `datasets` keeps beside its data."""
_PICTURES: Final = ("image", "img", "picture", "jpg", "jpeg", "png", "webp", "face", "photo")
_SPLIT: Final = re.compile(r"(?:^|[/_-])(train|training|validation|valid|val|dev|test)(?:[/_.-]|$)")
_REMEDY: Final = "save the dataset again"


class _Batches(Protocol):
    """The batches of rows of a file, in order."""

    schema: pa.Schema

    def lengths(self) -> list[int]:
        """Return the number of rows of each batch."""

    def read(self, number: int, columns: list[str]) -> pa.Table:
        """Return some columns of a batch."""

    def close(self) -> None:
        """Close the file."""


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        self.schema = self._file.schema_arrow

    def lengths(self) -> list[int]:
        return [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]

    def read(self, number: int, columns: list[str]) -> pa.Table:
        return self._file.read_row_group(number, columns)

    def close(self) -> None:
        self._file.close()


class _Arrow:
    """An Arrow file, as a stream (what `datasets` writes) or with an index."""

    def __init__(self, path: Path) -> None:
        self._map = pa.memory_map(str(path))
        try:
            opened = pa.ipc.open_stream(self._map)
        except pa.ArrowInvalid:
            opened = pa.ipc.open_file(self._map)
        self.schema = opened.schema
        # The rows stay in the file, because it is mapped into memory.
        self._batches = opened.read_all().to_batches()

    def lengths(self) -> list[int]:
        return [len(batch) for batch in self._batches]

    def read(self, number: int, columns: list[str]) -> pa.Table:
        return pa.Table.from_batches([self._batches[number]]).select(columns)

    def close(self) -> None:
        self._batches = []
        self._map.close()


def is_picture_table(path: Path) -> bool:
    """Return whether a file is a table whose rows hold pictures; False if it cannot be read."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith(_CACHED):
        return False
    try:
        batches = _open(path)
    except Exception:  # pyarrow raises almost any error for a damaged file; a file that is given by name says so
        return False
    try:
        return bool(_picture_columns(batches.schema))
    finally:
        batches.close()


def _open(path: Path) -> _Batches:
    return _Parquet(path) if path.suffix.lower() == ".parquet" else _Arrow(path)


def _picture_columns(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if _is_picture(field)]


def _is_picture(field: pa.Field) -> bool:
    if pa.types.is_struct(field.type):
        place = field.type.get_field_index("bytes")
        return place >= 0 and _is_bytes(field.type.field(place).type)
    return _is_bytes(field.type) and any(word in field.name.lower() for word in _PICTURES)


def _is_bytes(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))


class PictureTable:
    """A table of pictures; see `Archive`.

    Args:
        path: path of the file.
        limits: limits for its rows.

    Raises:
        InputError: it cannot be read, or has no column of pictures.
    """

    def __init__(self, path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path, self._limits = path, limits
        with reading(path, "cannot be read as a table", _REMEDY):
            self._batches = _open(path)
            self._lengths = self._batches.lengths()
        self._columns = _picture_columns(self._batches.schema)
        if not self._columns:
            self.close()
            raise InputError(
                f"{path} has no column of pictures; give the folder of the pictures, and this file by "
                f"{argument('table')}"
            )
        self._places: dict[str, tuple[int, int, str]] = {}
        self._read: tuple[int, str, pa.ChunkedArray] | None = None

    def contents(self) -> Contents:
        """See `Archive`."""
        if sum(self._lengths) * len(self._columns) > self._limits.members:
            raise too_many(self.path, self._limits)
        members, refused = [], []
        for batch, row, number in self._rows():
            for column in self._columns:
                content, path = self._picture(batch, row, column)
                name = self._name(number, column, path)
                if content is None:
                    text = f"has no picture, only the path {path!a}" if path else "has no picture"
                    refused.append(Refused(name, text))
                else:
                    members.append(Member(name, len(content)))
                    self._places[name] = (batch, row, column)
        return Contents(tuple(members), tuple(refused))

    def open(self, name: str) -> BinaryIO:
        """See `Archive`."""
        if not self._places:
            self.contents()
        if name not in self._places:
            raise InputError(f"{self.path} has no row '{name}'")
        content, _ = self._picture(*self._places[name])
        return cast(BinaryIO, io.BytesIO(content or b""))

    def close(self) -> None:
        """See `Archive`."""
        self._batches.close()

    def labels(self, reader: RowReader) -> dict[str, tuple[SourceLabels, ...]]:
        """Return the labels of each member that the other columns give.

        Args:
            reader: reads the rows.

        Raises:
            InputError: a column does not exist, or a value is out of range.
        """
        others = [name for name in self._batches.schema.names if name not in self._columns]
        found = reader.columns.find(tuple(name.lower() for name in others), self.path.name)
        found.pop("path", None)
        split = next(iter(_SPLIT.findall("/".join([self.path.parent.name, self.path.name]).lower())), None)
        if not found and split is None:
            return {}
        if split and "split" not in found:
            found["split"] = (_SPLIT_COLUMN,)
        classes = _class_names(self._batches.schema)
        wanted = [name for name in others if any(name.lower() in names for names in found.values())]
        labels = {}
        for number, cells in enumerate(self._cells(wanted)):
            named = {name.lower(): _named(value, classes.get(name)) for name, value in cells.items()}
            row = reader.read({**named, _SPLIT_COLUMN: split}, found, f"{self.path.name}, row {number}")
            for column in self._columns:
                labels[number, column] = (row,)
        starts = [0, *accumulate(self._lengths)]
        return {name: labels[starts[batch] + row, column] for name, (batch, row, column) in self._places.items()}

    def _cells(self, names: list[str]) -> Iterator[dict[str, Any]]:
        for batch, length in enumerate(self._lengths):
            with reading(self.path, "cannot be read as a table", _REMEDY):
                rows = self._batches.read(batch, names).to_pylist() if names else [{}] * length
            yield from rows

    def _rows(self) -> Iterator[tuple[int, int, int]]:
        number = 0
        for batch, length in enumerate(self._lengths):
            for row in range(length):
                yield batch, row, number
                number += 1

    def _name(self, number: int, column: str, path: str | None) -> str:
        suffix = Path(path or "").suffix.lower()
        suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ""
        return f"{f'{column}/' if len(self._columns) > 1 else ''}{number:08d}{suffix}"

    def _picture(self, batch: int, row: int, column: str) -> tuple[bytes | None, str | None]:
        """Return the bytes and the path of a picture, each None if missing."""
        if self._read is None or self._read[:2] != (batch, column):
            with reading(self.path, "cannot be read as a table", _REMEDY):
                self._read = (batch, column, self._batches.read(batch, [column])[column])
        cell = self._read[2][row].as_py()
        if isinstance(cell, dict):
            path = cell.get("path")
            return cell["bytes"], path if isinstance(path, str) else None
        return cell, None


_SPLIT_COLUMN: Final = "\0split"
"""Stands for a column of the split that the name of the file or folder gives."""


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes of each column, from the metadata of `datasets`."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        columns = {name: _label_feature(feature) for name, feature in features.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: list(map(str, feature["names"])) for name, feature in columns.items() if feature}


def _label_feature(feature: Any) -> dict[str, Any] | None:
    """Return the ClassLabel of a column, or of the lists in a column."""
    if isinstance(feature, list):
        return _label_feature(feature[0]) if feature else None
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel":
        return feature if isinstance(feature.get("names"), list) else None
    return _label_feature(feature.get("feature"))


def _named(value: Any, names: list[str] | None) -> Any:
    """Return the name of a class for its number."""
    if names is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None
