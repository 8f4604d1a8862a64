"""Tombstones: what was taken out of a dataset for good, so that no later command brings it back.

A tombstone holds a digest of an identifier, never the identifier itself. So the file does not name anybody: only a
person who has the identifier, or the original file, can recognise it. A short subject identifier such as `s1` can be
guessed, like any short password.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.explain import reading
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace

KINDS = ("face", "source", "subject", "shared", "ingest")
"""Kinds of tombstones. `shared` are sources whose other faces stay. `ingest` are such sources together with the options
of the ingest that gave the forgotten faces their identifiers."""
GIVEN_ORIGINS = ("dataset", "folder")
"""Origins of subjects that come with the files. Other subjects have numbers, which a later run may give to others."""


@dataclass(frozen=True)
class Tombstones:
    """Everything that a workspace has forgotten.

    Attributes:
        digests: digests of the forgotten identifiers, by kind (see `KINDS`).
    """

    digests: dict[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.digests.values())

    def has(self, kind: str, identifier: str | None) -> bool:
        """Return whether something was forgotten.

        Args:
            kind: one of `KINDS`.
            identifier: its identifier; None is never forgotten.

        Example:
            >>> Tombstones().adding("face", ["0a1b"]).has("face", "0a1b")
            True
        """
        known = self.digests.get(kind)
        return bool(known) and identifier is not None and _digest(kind, identifier) in (known or ())

    def among(self, kind: str, identifiers: Iterable[str | None]) -> set[str]:
        """Return which of some identifiers were forgotten."""
        if not self.digests.get(kind):
            return set()
        return {one for one in set(identifiers) if one is not None and self.has(kind, one)}

    def adding(self, kind: str, identifiers: Iterable[str]) -> Tombstones:
        """Return these tombstones and those of further identifiers."""
        return self.joined(Tombstones({kind: frozenset(_digest(kind, one) for one in identifiers)}))

    def joined(self, other: Tombstones) -> Tombstones:
        """Return the tombstones of both."""
        empty: frozenset[str] = frozenset()
        return Tombstones({kind: self.digests.get(kind, empty) | other.digests.get(kind, empty) for kind in KINDS})

    def without_subjects(self) -> Tombstones:
        """Return the tombstones that hold for other datasets, too, where the same name may be another person's."""
        return Tombstones({kind: known for kind, known in self.digests.items() if kind != "subject"})

    def covers(self, other: Tombstones) -> bool:
        """Return whether everything in `other` is here."""
        return all(known <= self.digests.get(kind, frozenset()) for kind, known in other.digests.items())

    def select(self, faces: pa.Table, sources: pa.Table) -> tuple[set[str], set[str]]:
        """Return the identifiers of the forgotten faces and sources in two tables.

        Args:
            faces: rows with `face_id`, `source_id`, `subject_id` and `subject_origin`.
            sources: rows with `source_id`, `subject_id` and `subject_origin`.
        """
        gone = self.among("source", sources["source_id"].to_pylist())
        gone |= set(sources.filter(self.of_subjects(sources))["source_id"].to_pylist())
        chosen = pc.or_(
            pc.is_in(faces["source_id"], value_set=pa.array(sorted(gone), pa.string())), self.of_subjects(faces)
        )
        ids = set(faces.filter(chosen)["face_id"].to_pylist())
        return ids | self.among("face", faces["face_id"].to_pylist()), gone

    def of_subjects(self, rows: pa.Table) -> pa.ChunkedArray:
        """Return which rows are about a forgotten subject whose identifier came with the files."""
        subjects = self.among("subject", pc.unique(rows["subject_id"]).to_pylist())
        return pc.and_(
            pc.is_in(rows["subject_id"], value_set=pa.array(sorted(subjects), pa.string())),
            pc.is_in(rows["subject_origin"], value_set=pa.array(GIVEN_ORIGINS, pa.string())),
        )

    def to_bytes(self) -> bytes:
        """Return the content of the file of tombstones."""
        content = {kind: sorted(self.digests.get(kind, ())) for kind in KINDS}
        return (json.dumps(content, indent=2) + "\n").encode()

    @classmethod
    def of_bytes(cls, content: bytes, where: Path | str) -> Tombstones:
        """Return the tombstones in the content of a file.

        Args:
            content: what `to_bytes` returned.
            where: path or address of the file, for the message.

        Raises:
            InputError: the content is damaged.
        """
        with reading(where, "is damaged", "restore it, because a rerun would bring back what was forgotten"):
            found = json.loads(content)
            return cls({kind: frozenset(map(str, found[kind])) for kind in KINDS})


def read_tombstones(workspace: Workspace) -> Tombstones:
    """Return the tombstones of a workspace.

    Raises:
        InputError: the file of tombstones is damaged.
    """
    try:
        return Tombstones.of_bytes(workspace.forgotten.read_bytes(), workspace.forgotten)
    except FileNotFoundError:
        return Tombstones()


def add_tombstones(workspace: Workspace, tombstones: Tombstones) -> Tombstones:
    """Add tombstones to those of a workspace, and return all of them.

    Raises:
        InputError: the file of tombstones is damaged.
        StorageError: the disk is full or cannot be written.
    """
    before = read_tombstones(workspace)
    if before.covers(tombstones):
        return before
    after = before.joined(tombstones)
    files.write_bytes(workspace.forgotten, after.to_bytes())
    return after


def _digest(kind: str, identifier: str) -> str:
    return hash_bytes(b"forgotten", kind.encode(), identifier.encode())
