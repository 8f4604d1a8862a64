"""Remove what the files of a workspace say about some faces, whatever command wrote the files.

Identifiers of faces and sources are 32 hexadecimal digits that occur nowhere else. So a row of a table, a line of a
text or an entry of a document that has one of them is about that face or source. Subjects have short names, so they
count only in a column or a field that is called so. The name of a file counts as a whole value.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.explain import reading
from fertools.core.parquet import read_parquet
from fertools.manifests import nested

_IDENTIFIER = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_SUBJECTS = ("subject_id", "subject", "first", "second")
"""Columns and fields with a subject; the last two are those of a doubtful pair of people."""
_REMEDY = "restore or remove it, because it may have something of the forgotten faces"
DIGESTS_NAME = "digests.json"
"""The cache of content digests of ingest: a list for each file."""


@dataclass(frozen=True)
class Scrub:
    """What to remove from files.

    Attributes:
        identifiers: identifiers of faces and sources.
        subjects: identifiers of people.
        names: names of the files of sources and of generated faces.
    """

    identifiers: frozenset[str]
    subjects: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def mentions(self, text: str) -> bool:
        """Return whether a text has one of the identifiers.

        Example:
            >>> Scrub(frozenset({"0" * 32})).mentions("crop " + "0" * 32 + ".png")
            True
        """
        return not self.identifiers.isdisjoint(_IDENTIFIER.findall(text))

    def file(self, path: Path, *, write: bool) -> int:
        """Remove the rows, lines or entries of a file; return their number.

        Args:
            path: a file. Only Parquet, CSV, JSON Lines and JSON are changed.
            write: False only counts.

        Raises:
            InputError: the file is damaged.
            StorageError: it cannot be written.
        """
        readers = {".parquet": self._table, ".csv": self._csv, ".jsonl": self._lines, ".json": self._document}
        reader = readers.get(path.suffix)
        return 0 if reader is None else reader(path, write)

    def _table(self, path: Path, write: bool) -> int:
        table = read_parquet(path, remedy=_REMEDY)
        gone = np.zeros(len(table), bool)
        for field in table.schema:
            column = table[field.name]
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
                gone |= self._in_texts(field.name, column)
            elif pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
                rows = pc.list_parent_indices(column.combine_chunks()).to_numpy()
                gone[rows[self._in_texts(field.name, pc.list_flatten(column))]] = True
        metadata = {key: self._text(value) for key, value in (table.schema.metadata or {}).items()}
        if not gone.any() and metadata == (table.schema.metadata or {}):
            return 0
        if write:
            rest = nested.keep(table, ~gone).replace_schema_metadata(metadata or None)
            with files.replacing(path) as temporary:
                pq.write_table(rest, temporary, compression="zstd", write_page_checksum=True)
        return max(1, int(gone.sum()))

    def _in_texts(self, name: str, column: pa.ChunkedArray) -> Any:
        values = self.identifiers | self.names | (self.subjects if name in _SUBJECTS else frozenset())
        return pc.is_in(column, value_set=pa.array(sorted(values), column.type)).to_numpy(zero_copy_only=False)

    def _text(self, value: bytes) -> bytes:
        """Return a text of the metadata of a table without the identifiers."""
        text = value.decode(errors="replace")
        if not self.mentions(text):
            return value
        try:
            return json.dumps(self._without(json.loads(text))).encode()
        except ValueError:
            return b""

    def _csv(self, path: Path, write: bool) -> int:
        lines = _read(path).splitlines(keepends=True)
        header = next(csv.reader(lines[:1]), [])
        places = [place for place, name in enumerate(header) if name in _SUBJECTS]

        def is_about(line: str) -> bool:
            cells = next(csv.reader([line]), [])
            subjects = {cells[place] for place in places if place < len(cells)}
            return self.mentions(line) or not self.names.isdisjoint(cells) or not self.subjects.isdisjoint(subjects)

        return _keep(path, lines, [line for line in lines if not is_about(line)], write=write)

    def _lines(self, path: Path, write: bool) -> int:
        lines = _read(path).splitlines(keepends=True)
        return _keep(path, lines, [line for line in lines if not self._is_about_line(line)], write=write)

    def _is_about_line(self, line: str) -> bool:
        if self.mentions(line):
            return True
        try:
            return self._is_about(json.loads(line))
        except ValueError:
            # The torn end of a log that was being written.
            return False

    def _document(self, path: Path, write: bool) -> int:
        text = _read(path)
        with reading(path, "is not valid JSON", _REMEDY):
            content = json.loads(text)
        if path.name == DIGESTS_NAME and isinstance(content, dict):
            known = content.items()
            rest = {name: one for name, one in known if name not in self.names and not self.mentions(str(one))}
        else:
            rest = self._without(content)
        if rest == content:
            return 0
        if write:
            files.write_json(path, rest)
        return 1

    def _without(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._without(one) for one in value if not self._is_about(one)]
        if isinstance(value, dict):
            held = {key: one for key, one in value.items() if not self.mentions(key) and key not in self.names}
            return {key: self._without(one) for key, one in held.items() if not self._is_about(one)}
        return value

    def _is_about(self, value: Any) -> bool:
        if isinstance(value, str):
            return self.mentions(value) or value in self.names
        if isinstance(value, dict):
            named = {value.get(name) for name in _SUBJECTS if isinstance(value.get(name), str)}
            return not self.subjects.isdisjoint(named) or any(
                self._is_about(one) for one in value.values() if isinstance(one, str)
            )
        return False


def _read(path: Path) -> str:
    with reading(path, "cannot be read as text", _REMEDY):
        return path.read_text(encoding="utf-8")


def _keep(path: Path, lines: Collection[str], rest: Collection[str], *, write: bool) -> int:
    if write and len(rest) < len(lines):
        files.write_text(path, "".join(rest))
    return len(lines) - len(rest)
