"""What a `forget` removes from one workspace: found before anything is changed, and kept until all of it is gone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.ingestion.forgotten import names_of_ingests
from fertools.ingestion.plan import COPY_OF
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.tombstones import GIVEN_ORIGINS, Tombstones
from fertools.training.runs.lineage import digest_person
from fertools.transfer.scrub import Scrub

_FACES = ("face_id", "source_id", "subject_id", "subject_origin", "parent_id")
_SOURCES = ("source_id", "path", "subject_id", "subject_origin", "reason")


@dataclass(frozen=True)
class Target:
    """What to remove from a workspace.

    Attributes:
        faces: identifiers of faces of the manifest.
        sources: identifiers of sources that go with all of their faces, and of their copies.
        touched: identifiers of sources that lose some of their faces.
        generated: identifiers of the faces that were generated from `faces`.
        subjects: identifiers of people of whom nothing stays.
        given_subjects: those whose identifier came with the files, so that it names the same person again.
        names: paths of `sources` and of `generated`, as in the tables.
        pictures: those of `names` that fertools wrote: generated faces, and pictures from a table.
        people: digests of the people of the faces, as in the lineage of runs.
        originals: paths of the files of the user that show the faces.
    """

    faces: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    generated: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    given_subjects: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    originals: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.faces or self.sources or self.subjects)

    @property
    def scrub(self) -> Scrub:
        """What to remove from files of any command."""
        return Scrub(self.faces | self.sources | self.generated, self.subjects, self.names)

    def tombstones(self, workspace: Workspace) -> Tombstones:
        """Return what keeps the target out of its workspace."""
        rows = store.read_sources(workspace, ("source_id", "dataset", "modality")).to_pylist()
        shared = names_of_ingests(workspace, [row for row in rows if row["source_id"] in self.touched])
        stones = Tombstones().adding("face", self.faces | self.generated).adding("source", self.sources | self.names)
        stones = stones.adding("subject", self.given_subjects).adding("shared", self.touched)
        return stones.adding("ingest", shared)

    def to_json(self) -> dict[str, list[str]]:
        """Return the target in a form that JSON can hold."""
        return {one.name: sorted(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def of_json(cls, content: Any) -> Target:
        """Return the target from `to_json`.

        Raises:
            KeyError: a field is missing.
        """
        return cls(**{one.name: frozenset(map(str, content[one.name])) for one in fields(cls)})


def find_target(
    workspace: Workspace, subjects: Collection[str], sources: Collection[str], faces: Collection[str]
) -> Target:
    """Return what to remove from a workspace for some people, sources and faces.

    Args:
        workspace: the workspace.
        subjects: identifiers of people.
        sources: identifiers of sources, or their paths as in the sources table.
        faces: identifiers of faces.
    """
    rows = store.read_faces(workspace, _FACES)
    listed = store.read_sources(workspace, _SOURCES).to_pylist()
    chosen = {row["source_id"] for row in listed if row["source_id"] in sources or row["path"] in sources}
    mask = pc.or_(
        pc.or_(_among(rows, "subject_id", subjects), _among(rows, "source_id", chosen)), _among(rows, "face_id", faces)
    )
    mask = pc.or_(mask, _among(rows, "parent_id", rows.filter(mask)["face_id"].to_pylist()))
    gone = rows.filter(mask)
    left = set(pc.unique(rows.filter(pc.invert(mask))["source_id"]).to_pylist())
    with_faces = set(pc.unique(gone["source_id"]).to_pylist())
    own = {row["source_id"] for row in listed if row["subject_id"] in subjects}
    whole = chosen | ((with_faces | own) - left)
    whole |= _copies(listed, whole)
    touched = with_faces - whole
    paths = {row["source_id"]: row["path"] for row in listed}
    names = {paths[source] for source in whole if source in paths}
    ids = set(gone["face_id"].to_pylist())
    generated, pictures = _find_generated(workspace, ids)
    own_pictures = {name for name in names if _is_own_picture(workspace, name)}
    shown = (workspace.path_of(paths[source]) for source in sorted(whole | touched) if source in paths)
    given = rows.filter(pc.is_in(rows["subject_origin"], value_set=pa.array(GIVEN_ORIGINS, pa.string())))
    known = {row["subject_id"] for row in listed if row["subject_origin"] in GIVEN_ORIGINS}
    known.update(pc.unique(given["subject_id"]).to_pylist())
    return Target(
        faces=frozenset(ids),
        sources=frozenset(whole),
        touched=frozenset(touched),
        generated=frozenset(generated),
        subjects=frozenset(subjects),
        given_subjects=frozenset(subjects) & known,
        names=frozenset(names | pictures),
        pictures=frozenset(own_pictures | pictures),
        people=frozenset(_people(gone)),
        originals=frozenset(
            str(path) for path in shown if path.exists() and not _is_own_picture(workspace, workspace.name_of(path))
        ),
    )


def find_forgotten(workspace: Workspace, tombstones: Tombstones) -> Target:
    """Return what a workspace has although it is forgotten."""
    rows = store.read_faces(workspace, _FACES)
    faces, sources = tombstones.select(rows, store.read_sources(workspace, _SOURCES))
    return find_target(workspace, (), sources, faces) if faces or sources else Target()


def read_target(path: Path) -> dict[str, Any]:
    """Return the content of `manifests/forgetting.json`.

    Raises:
        InputError: the file is damaged.
    """
    with reading(path, "is damaged", "remove it and run `fertools forget` with the same options again"):
        content = json.loads(path.read_bytes())
        return {**content, "target": Target.of_json(content["target"])}


def _among(rows: pa.Table, column: str, values: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(rows[column], value_set=pa.array(sorted(values), pa.string()))


def _copies(listed: list[dict[str, Any]], whole: set[str]) -> set[str]:
    """Return the identifiers of the duplicates of some sources."""
    paths = {COPY_OF + row["path"] for row in listed if row["source_id"] in whole}
    return {row["source_id"] for row in listed if row["reason"] in paths}


def _people(gone: pa.Table) -> Iterator[str]:
    parents = pc.coalesce(gone["parent_id"], gone["face_id"]).to_pylist()
    for subject, face in set(zip(gone["subject_id"].to_pylist(), parents, strict=True)):
        yield digest_person(subject, face)
        # As a run knew it that was trained before anybody said who this is.
        yield digest_person(None, face)


def _is_own_picture(workspace: Workspace, name: str) -> bool:
    """Return whether a source is a picture that ingest wrote from a table."""
    return name.startswith(workspace.name_of(workspace.manifest.parent / "pictures") + "/") and ".." not in name


def _find_generated(workspace: Workspace, parents: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the identifiers and the paths of the faces that were generated from some faces, or again from those."""
    rows = [
        row
        for path in sorted(workspace.generated.glob("*.parquet"))
        for row in store.read_table(path, FACES, ("face_id", "parent_id", "path")).to_pylist()
    ]
    found: dict[str, str | None] = {}
    reached = set(parents)
    while new := {
        row["face_id"]: row["path"] for row in rows if row["parent_id"] in reached and row["face_id"] not in found
    }:
        found |= new
        reached |= new.keys()
    return set(found), {path for path in found.values() if path}
