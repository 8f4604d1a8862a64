"""Remove everything about some identifiers from the files of a workspace that no schema describes.

Identifiers of faces and sources are 32 hexadecimal digits that occur nowhere else. So a row of a table, a line of a
text or an entry of a list that has one of them is about a forgotten face. Subjects have short names, so they count only
in a column or a field called `subject_id`.
"""

from __future__ import annotations

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

from fertools.annotations.connection import connect
from fertools.core import files
from fertools.core.errors import FertoolsError
from fertools.core.parquet import read_parquet
from fertools.manifests import nested

_IDENTIFIER = re.compile(r"[0-9a-f]{32}")
_WAIT_S = 30.0
_NAMES = ("source", "path", "subject_id")


@dataclass(frozen=True)
class Scrub:
    """What to remove.

    Attributes:
        identifiers: identifiers of faces and sources.
        subjects: identifiers of people.
        names: names of the files of the sources, and of generated faces.
    """

    identifiers: frozenset[str]
    subjects: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def mentions(self, text: str) -> bool:
        """Return whether a text has a forgotten identifier.

        Example:
            >>> Scrub(frozenset({"0" * 32})).mentions("crop " + "0" * 32 + ".png")
            True
        """
        return not self.identifiers.isdisjoint(_IDENTIFIER.findall(text))

    def table(self, path: Path) -> int:
        """Remove rows of a Parquet file; return their number."""
        table = read_parquet(path, remedy="remove it, because what it has of forgotten faces cannot be found")
        gone = np.zeros(len(table), bool)
        for field in table.schema:
            column = table[field.name]
            if pa.types.is_string(field.type):
                gone |= self._in_texts(field.name, column)
            elif pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
                rows = pc.list_parent_indices(column.combine_chunks()).to_numpy()
                texts = pc.list_flatten(column)
                gone[rows[self._in_texts(field.name, texts)]] = True
        metadata, changed = self._metadata(table.schema.metadata)
        if not gone.any() and not changed:
            return 0
        rest = nested.keep(table, pa.array(~gone)).replace_schema_metadata(metadata)
        with files.replacing(path) as temporary:
            pq.write_table(rest, temporary, compression="zstd")
        return int(gone.sum())

    def _in_texts(self, name: str, column: pa.ChunkedArray) -> Any:
        values = self.identifiers | (self.subjects if name == "subject_id" else frozenset())
        values |= self.names if name in ("path", "source") else frozenset()
        return pc.is_in(column, value_set=pa.array(sorted(values), pa.string())).to_numpy(zero_copy_only=False)

    def _metadata(self, metadata: dict[bytes, bytes] | None) -> tuple[dict[bytes, bytes] | None, bool]:
        """Return the metadata of a table without the identifiers, and whether that differs."""
        changed = {}
        for key, value in (metadata or {}).items():
            text = value.decode(errors="replace")
            if self.mentions(text):
                try:
                    changed[key] = json.dumps(self._without(json.loads(text))).encode()
                except ValueError:
                    changed[key] = b""
        return {**(metadata or {}), **changed} or None, bool(changed)

    def lines(self, path: Path) -> int:
        """Remove lines of a text, such as CSV or JSON Lines; return their number."""
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        rest = [line for line in lines if not self.mentions(line)]
        if len(rest) < len(lines):
            files.write_text(path, "".join(rest))
        return len(lines) - len(rest)

    def document(self, path: Path) -> int:
        """Remove entries of a JSON file: keys, texts, and objects that have a text of a forgotten face."""
        text = path.read_text(encoding="utf-8")
        if not self.mentions(text) and not any(f'"{subject}"' in text for subject in self.subjects):
            return 0
        content = json.loads(text)
        rest = self._without(content)
        if rest == content:
            return 0
        files.write_json(path, {} if rest is None else rest)
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
            return value.get("subject_id") in self.subjects or any(
                self._is_about(one) for one in value.values() if isinstance(one, str)
            )
        return False

    def ratings(self, path: Path) -> int:
        """Remove events of the log of ratings; return their number. The pages that they left are overwritten.

        The log refuses deletions, so its guards are taken away and put back in the same transaction.

        Raises:
            StorageError: the log cannot be written.
        """
        connection = connect(path, wait_s=_WAIT_S)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                bodies = connection.execute("SELECT number, event_id, body FROM events")
                gone = {number: event_id for number, event_id, body in bodies if self.mentions(body)}
                if gone:
                    self._delete(connection, gone)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return len(gone)

    def _delete(self, connection: Any, gone: dict[int, str]) -> None:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        if any(not name.replace("_", "").isalpha() for name, _ in guards):
            raise FertoolsError("the log of ratings has a trigger that fertools did not write; restore the log")
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.executemany("DELETE FROM events WHERE number = ?", [(number,) for number in gone])
        connection.executemany("DELETE FROM events WHERE target = ?", [(event,) for event in gone.values()])
        connection.executemany("DELETE FROM about WHERE number = ?", [(number,) for number in gone])
        for _, sql in guards:
            connection.execute(sql)


def remove_files(paths: Collection[Path]) -> int:
    """Remove files; return how many there were.

    Raises:
        StorageError: one cannot be removed.
    """
    removed = 0
    for path in paths:
        with files.storage_errors(path):
            removed += path.is_file()
            path.unlink(missing_ok=True)
    return removed
