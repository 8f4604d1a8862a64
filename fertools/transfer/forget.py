"""`forget`: take people, videos or single faces out of a dataset for good.

First the tombstones are written, then everything that other files say about the faces is removed, and the manifest goes
last. So the same call continues a stopped one. The original videos and pictures belong to the user and stay; the
summary names them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.detection_cache import drop_cache
from fertools.ingestion.shards import shard_folders
from fertools.manifests import store
from fertools.manifests.removal import Removed, remove_rows
from fertools.manifests.schema import FACES
from fertools.manifests.tombstones import read_tombstones, write_tombstones
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import digest_person, read_lineage
from fertools.transfer.scrub import Scrub, remove_files

_REMAINS = (".html", ".json", ".jsonl", ".csv", ".toml", ".txt", ".md")
"""Suffixes of texts that are searched at the end."""


@dataclass(frozen=True)
class ForgetSummary(HtmlFields):
    """What `forget` removed, and what it could not.

    Attributes:
        faces: number of rows of the manifest, in all workspaces.
        sources: number of rows of the sources table, in all workspaces.
        crops: number of crops.
        generated: number of generated faces that were made from the forgotten ones.
        records: number of ratings, votes and other records about the faces.
        caches: number of files of caches, such as pixels of training, embeddings and playable copies.
        trained: runs whose networks learned from the people, or were chosen by them. Train them again, or remove them.
        originals: files of the user that still show the people.
        stores: addresses that this dataset was pushed to. They still have the faces.
        remaining: files of the workspace that still mention a forgotten face.
    """

    faces: int = 0
    sources: int = 0
    crops: int = 0
    generated: int = 0
    records: int = 0
    caches: int = 0
    trained: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()


@dataclass
class _Target:
    """What to forget in one workspace."""

    workspace: Workspace
    faces: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)


def forget(
    workspace: WorkspaceLike,
    *,
    subjects: Collection[str] = (),
    sources: Collection[str] = (),
    faces: Collection[str] = (),
    others: Sequence[WorkspaceLike] = (),
    dry_run: bool = False,
    report: Reporter | None = None,
) -> ForgetSummary:
    """Remove people, sources or faces from a dataset, and leave tombstones that keep them out.

    Shards below the workspace are searched, too. A rerun of `ingest`, also of the same files, leaves out what has a
    tombstone.

    Args:
        workspace: the workspace to change.
        subjects: identifiers of people; all of their faces go.
        sources: identifiers of videos or pictures, or their paths as in the sources table.
        faces: identifiers of single faces.
        others: further workspaces with copies of the same faces. Faces and sources are found there by their
            identifiers, which follow from the content; people of the same name are not.
        dry_run: only count the rows and name the runs; nothing is changed.
        report: receives the progress.

    Raises:
        InputError: nothing is given, a value is not in the dataset, or another command is running.
        SchemaError: a manifest is of another schema version.
        StorageError: a file cannot be written; the same call continues.

    Example:
        >>> forget("my-dataset", subjects=["s0"], dry_run=True).faces > 0
        True
    """
    report = report or Silent()
    home = Workspace(workspace)
    if not (subjects or sources or faces):
        raise InputError(f"nothing to forget is given; give {argument('subjects')}, for example")
    places = [home, *map(Workspace, shard_folders(home)), *map(Workspace, others)]
    places = [one for one in dict.fromkeys(places) if one is home or one.manifest.is_file()]
    with ExitStack() as held:
        for one in places if not dry_run else ():
            store.read_faces(one, ("face_id",))
            held.enter_context(one.locked("forgetting"))
        first = _find(home, set(subjects), set(sources), set(faces))
        _refuse_unknown(home, subjects, sources, faces, first)
        targets = [first, *(_find(one, set(), first.sources, first.faces) for one in places[1:])]
        report.start(len(targets))
        summary = ForgetSummary()
        for number, target in enumerate(targets):
            chosen = frozenset(subjects) if target is first else frozenset()
            summary = _joined(summary, _carry_out(target, chosen, dry_run=dry_run))
            report.advance(number + 1)
    return summary


def _find(workspace: Workspace, subjects: set[str], sources: set[str], faces: set[str]) -> _Target:
    rows = store.read_faces(workspace, ("face_id", "source_id", "subject_id", "parent_id"))
    listed = store.read_sources(workspace, ("source_id", "path", "subject_id")).to_pylist()
    chosen = {row["source_id"] for row in listed if row["source_id"] in sources or row["path"] in sources}

    def among(column: str, values: set[str]) -> pa.Array:
        return pc.is_in(rows[column], value_set=pa.array(sorted(values), pa.string()))

    mask = pc.or_(pc.or_(among("subject_id", subjects), among("source_id", chosen)), among("face_id", faces))
    ids = set(rows.filter(mask)["face_id"].to_pylist())
    mask = pc.or_(mask, among("parent_id", ids))
    gone = rows.filter(mask)
    left = set(pc.unique(rows.filter(pc.invert(mask))["source_id"]).to_pylist())
    touched = set(pc.unique(gone["source_id"]).to_pylist())
    own = {row["source_id"] for row in listed if row["subject_id"] in subjects}
    whole = chosen | ((touched | own) - left)
    pairs = zip(
        gone["subject_id"].to_pylist(), pc.coalesce(gone["parent_id"], gone["face_id"]).to_pylist(), strict=True
    )
    people = {digest_person(subject, face) for subject, face in pairs}
    names = {row["path"] for row in listed if row["source_id"] in whole}
    return _Target(workspace, set(gone["face_id"].to_pylist()), whole, touched | whole, names, people)


def _refuse_unknown(
    home: Workspace, subjects: Collection[str], sources: Collection[str], faces: Collection[str], found: _Target
) -> None:
    """Raise InputError if a value is neither in the dataset nor forgotten already."""
    stones = read_tombstones(home)
    rows = store.read_faces(home, ("face_id", "subject_id"))
    listed = store.read_sources(home, ("source_id", "path", "subject_id"))
    known = {
        "subjects": ("subject", subjects, {*rows["subject_id"].to_pylist(), *listed["subject_id"].to_pylist()}),
        "sources": ("source", sources, found.sources | found.names),
        "faces": ("face", faces, found.faces),
    }
    for name, (kind, values, there) in known.items():
        for value in values:
            if value not in there and not stones.has(kind, value):
                raise InputError(
                    f"{argument(name)} has '{value}', which is not in {home.manifest}; check it and repeat"
                )


def _carry_out(target: _Target, subjects: frozenset[str], *, dry_run: bool) -> ForgetSummary:
    workspace = target.workspace
    trained = tuple(_trained(workspace, target.people))
    originals = _originals(target)
    if dry_run:
        return ForgetSummary(len(target.faces), len(target.sources), trained=trained, originals=originals)
    write_tombstones(
        workspace,
        read_tombstones(workspace).adding(face=target.faces, source=target.sources, subject=subjects),
    )
    stores = _stores(workspace)
    generated, names = _remove_generated(workspace, target.faces)
    scrub = Scrub(frozenset(target.faces | target.sources | generated), subjects, frozenset(target.names | names))
    for name in {path.name.split(".", 1)[0] for path in workspace.parts.glob("*.npz")} & target.sources:
        drop_cache(workspace.parts, name)
    caches = remove_files(list(_caches(workspace, target.touched)))
    records = sum(_scrub_files(workspace, scrub))
    for name in trained:
        run = RunFolder(workspace.root / "training" / name)
        caches += remove_files([run.report_path, *run.samples.glob("*.png")])
    remove_files([path for path in map(workspace.path_of, target.names) if _is_own_picture(workspace, path)])
    removed = remove_rows(workspace, target.faces, target.sources) if target.faces or target.sources else Removed()
    return ForgetSummary(
        faces=removed.faces,
        sources=removed.sources,
        crops=removed.crops,
        generated=len(generated),
        records=records,
        caches=caches,
        trained=trained,
        originals=originals,
        stores=stores,
        remaining=tuple(_remaining(workspace, scrub)),
    )


def _trained(workspace: Workspace, people: set[str]) -> Iterator[str]:
    """Yield the runs that learned from people, or from a run that did; without a lineage nobody can tell."""
    for path in sorted((workspace.root / "training").glob("*/*/run.json")):
        lineage = read_lineage(RunFolder(path.parent))
        if lineage is not None and people & lineage.people:
            yield f"{path.parent.parent.name}/{path.parent.name}"


def _originals(target: _Target) -> tuple[str, ...]:
    rows = store.read_sources(target.workspace, ("source_id", "path")).to_pylist()
    paths = (target.workspace.path_of(row["path"]) for row in rows if row["source_id"] in target.touched)
    return tuple(str(path) for path in paths if path.exists() and not _is_own_picture(target.workspace, path))


def _is_own_picture(workspace: Workspace, path: Path) -> bool:
    """Return whether a source is a picture that ingest wrote from a table."""
    return path.is_relative_to(workspace.manifest.parent / "pictures") and ".." not in path.parts


def _stores(workspace: Workspace) -> tuple[str, ...]:
    found = set()
    for path in workspace.merge_bases.glob("*.parquet"):
        metadata = pq.read_schema(path).metadata or {}
        if record := metadata.get(b"fertools copy"):
            found.add(str(json.loads(record)["url"]))
    return tuple(sorted(found))


def _remove_generated(workspace: Workspace, parents: set[str]) -> tuple[set[str], set[str]]:
    """Remove the faces that were generated from some faces; return their identifiers and paths."""
    gone: set[str] = set()
    names: set[str] = set()
    values = pa.array(sorted(parents), pa.string())
    for path in sorted(workspace.generated.glob("*.parquet")):
        table = store.read_table(path, FACES, ("face_id", "parent_id", "path"))
        rows = table.filter(pc.is_in(table["parent_id"], value_set=values)).to_pylist()
        gone |= {row["face_id"] for row in rows}
        names |= {row["path"] for row in rows if row["path"]}
    home = (workspace.root / "training").resolve()
    own = [path for path in ((workspace.root / name).resolve() for name in names) if path.is_relative_to(home)]
    remove_files(own)
    return gone, names


def _caches(workspace: Workspace, touched: set[str]) -> Iterator[Path]:
    """Yield the files of caches that may have something of the faces; every one can be made again."""
    yield from workspace.pixels.glob("*.npy")
    for path in workspace.embeddings.rglob("*"):
        if path.is_file():
            yield path
    for path in workspace.playable.glob("*"):
        if path.name.split(".", 1)[0] in touched:
            yield path


def _scrub_files(workspace: Workspace, scrub: Scrub) -> Iterator[int]:
    """Remove what the other files of a workspace say, and yield the number of records of each."""
    own = {workspace.manifest, workspace.sources, *workspace.parts.glob("*.parquet")}
    for folder in (workspace.manifest.parent, workspace.ratings.parent, workspace.root / "training"):
        for path in sorted(folder.rglob("*")):
            if path in own or path == workspace.forgotten or not path.is_file() or path.is_symlink():
                continue
            if path.suffix == ".parquet":
                yield scrub.table(path)
            elif path.suffix in (".csv", ".jsonl"):
                yield scrub.lines(path)
            elif path.suffix == ".json" and path.name != "run.json":
                yield scrub.document(path)
    if workspace.ratings_log.is_file():
        yield scrub.ratings(workspace.ratings_log)


def _remaining(workspace: Workspace, scrub: Scrub) -> Iterator[str]:
    """Yield the texts of a workspace that still mention a forgotten face."""
    for folder in (workspace.manifest.parent, workspace.ratings.parent, workspace.root / "training"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in _REMAINS and path.is_file() and files.TEMPORARY_PREFIX not in path.name:
                with path.open(encoding="utf-8", errors="replace") as stream:
                    if any(scrub.mentions(line) for line in stream):
                        yield workspace.name_of(path)


def _joined(one: ForgetSummary, other: ForgetSummary) -> ForgetSummary:
    return ForgetSummary(*(getattr(one, name) + getattr(other, name) for name in one.__dataclass_fields__))
