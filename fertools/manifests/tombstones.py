"""Tombstones: what was taken out of a dataset for good, so that no later command brings it back.

A tombstone holds a digest of an identifier, never the identifier itself. So the file says that something was forgotten,
but not who: only a person who has the identifier, or the original file, can recognise it. A short subject identifier
such as `s1` can be guessed, like any short password.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.explain import reading
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.removal import Removed, remove_rows

KINDS = ("face", "source", "subject")


@dataclass(frozen=True)
class Tombstones:
    """Everything that a workspace has forgotten.

    Attributes:
        digests: digests of the forgotten identifiers, by `face`, `source` and `subject`.
    """

    digests: dict[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.digests.values())

    def has(self, kind: str, identifier: str | None) -> bool:
        """Return whether a face, source or subject was forgotten.

        Args:
            kind: `face`, `source` or `subject`.
            identifier: its identifier; None is never forgotten.

        Example:
            >>> Tombstones().adding(face=["0a1b"]).has("face", "0a1b")
            True
        """
        known = self.digests.get(kind)
        return bool(known) and identifier is not None and _digest(kind, identifier) in (known or ())

    def adding(
        self, *, face: Iterable[str] = (), source: Iterable[str] = (), subject: Iterable[str] = ()
    ) -> Tombstones:
        """Return these tombstones and those of further identifiers."""
        new = {"face": face, "source": source, "subject": subject}
        return self.joined(
            Tombstones(
                {kind: frozenset(_digest(kind, one) for one in identifiers) for kind, identifiers in new.items()}
            )
        )

    def joined(self, other: Tombstones) -> Tombstones:
        """Return the tombstones of both."""
        empty: frozenset[str] = frozenset()
        return Tombstones({kind: self.digests.get(kind, empty) | other.digests.get(kind, empty) for kind in KINDS})

    def select(self, workspace: Workspace) -> tuple[set[str], set[str]]:
        """Return the identifiers of the forgotten faces and sources that a workspace has again."""
        rows = store.read_faces(workspace, ("face_id", "source_id", "subject_id"))
        subjects = {one for one in pc.unique(rows["subject_id"]).to_pylist() if self.has("subject", one)}
        known = store.read_sources(workspace, ("source_id", "subject_id")).to_pylist()
        sources = {row["source_id"] for row in known if self.has("source", row["source_id"])}
        sources |= {row["source_id"] for row in known if row["subject_id"] in subjects}
        chosen = pc.or_(
            pc.is_in(rows["source_id"], value_set=pa.array(sorted(sources), pa.string())),
            pc.is_in(rows["subject_id"], value_set=pa.array(sorted(subjects), pa.string())),
        )
        faces = set(rows.filter(chosen)["face_id"].to_pylist())
        if self.digests.get("face"):
            faces |= {face_id for face_id in rows["face_id"].to_pylist() if self.has("face", face_id)}
        return faces, sources


def read_tombstones(workspace: Workspace) -> Tombstones:
    """Return the tombstones of a workspace.

    Raises:
        InputError: the file of tombstones is damaged.
    """
    path = workspace.forgotten
    if not path.is_file():
        return Tombstones()
    with reading(path, "is damaged", "restore it, because a rerun would bring back what was forgotten"):
        content = json.loads(path.read_text(encoding="utf-8"))
        return Tombstones({kind: frozenset(map(str, content[kind])) for kind in KINDS})


def write_tombstones(workspace: Workspace, tombstones: Tombstones) -> None:
    """Write the tombstones of a workspace.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    files.write_json(workspace.forgotten, {kind: sorted(tombstones.digests.get(kind, ())) for kind in KINDS})


def remove_forgotten(workspace: Workspace, tombstones: Tombstones) -> Removed:
    """Remove the faces and sources from the tables and crops of a workspace that are forgotten, but came back.

    Args:
        workspace: the workspace, whose lock the caller holds.
        tombstones: what is forgotten.

    Raises:
        StorageError: the disk cannot be written.
    """
    if not tombstones or not workspace.manifest.is_file():
        return Removed()
    faces, sources = tombstones.select(workspace)
    return remove_rows(workspace, faces, sources) if faces or sources else Removed()


def _digest(kind: str, identifier: str) -> str:
    return hash_bytes(b"forgotten", kind.encode(), identifier.encode())
