"""Remove everything about some faces from one workspace: pictures, caches, records, and the rows of its tables last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from fertools.annotations.erasure import erase_events
from fertools.core import files
from fertools.core.workspace import Workspace
from fertools.manifests.removal import count_rows, remove_rows
from fertools.transfer.forget_runs import find_runs
from fertools.transfer.forget_target import Target
from fertools.transfer.scrub import Scrub

_IDENTIFIER = re.compile(r"[0-9a-f]{32}")
_TEXTS = (".html", ".json", ".jsonl", ".csv", ".toml", ".txt", ".md", ".svg")


@dataclass(frozen=True)
class Erased:
    """What was removed from one workspace, or would be.

    Attributes:
        faces: number of rows of the manifest.
        sources: number of rows of the sources table.
        crops: number of crops of any template and size.
        generated: number of generated faces.
        records: number of ratings and of other rows, lines and entries.
        pictures: number of other pictures, such as generated faces, sample grids and reports.
        caches: number of files of caches.
        trained: runs that learned from the people.
        tested: other runs that were given their faces.
        untraceable: runs without the records that tell whether they saw the people.
    """

    faces: int = 0
    sources: int = 0
    crops: int = 0
    generated: int = 0
    records: int = 0
    pictures: int = 0
    caches: int = 0
    trained: tuple[str, ...] = ()
    tested: tuple[str, ...] = ()
    untraceable: tuple[str, ...] = ()

    def __add__(self, other: Erased) -> Erased:
        return Erased(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def erase(workspace: Workspace, target: Target, *, write: bool) -> Erased:
    """Remove a target from a workspace. After a stop, the same call continues.

    Args:
        workspace: the workspace, whose lock the caller holds.
        target: what to remove.
        write: False only counts.

    Raises:
        InputError: a file is damaged, so that nobody can tell what is in it.
        StorageError: a file cannot be written.
    """
    scrub = target.scrub
    records = {path: scrub.file(path, write=False) for path in _files(workspace)}
    seen = find_runs(workspace, target.people, target.faces, [path for path, count in records.items() if count])
    named = {path for path in _products(workspace) if not scrub.identifiers.isdisjoint(_IDENTIFIER.findall(path.name))}
    caches = {path for path in _caches(workspace, target) if path.is_file()}
    owned = {path for name in target.pictures if (path := _inside(workspace, name)) is not None}
    pictures = ({*seen.pictures, *named, *owned}) - caches
    found = count_rows(workspace, target.faces, target.sources)
    ratings = [workspace.ratings_log] if workspace.ratings_log.is_file() else []
    events = sum(erase_events(path, scrub.mentions, write=write) for path in ratings)
    if write:
        for path in sorted({*pictures, *caches}):
            with files.storage_errors(path):
                path.unlink(missing_ok=True)
        for path, count in records.items():
            if count and path.is_file():
                scrub.file(path, write=True)
        remove_rows(workspace, target.faces, target.sources)
    events += _scrub_settings(workspace, scrub, write=write)
    lines = sum(count for path, count in records.items() if path not in pictures and path not in caches)
    return Erased(
        faces=found.faces,
        sources=found.sources,
        crops=found.crops,
        generated=len(target.generated),
        records=lines + events,
        pictures=len(pictures),
        caches=len(caches),
        trained=seen.trained,
        tested=seen.tested,
        untraceable=seen.untraceable,
    )


def _scrub_settings(workspace: Workspace, scrub: Scrub, *, write: bool) -> int:
    """Remove entries of lists in `fertools.toml`, such as the copies of a split, and return their number."""
    found = 0
    for section, values in workspace.settings().items():
        rest = {
            name: [entry for entry in value if not scrub.mentions(str(entry))] if isinstance(value, list) else value
            for name, value in values.items()
        }
        gone = sum(len(values[name]) - len(value) for name, value in rest.items() if isinstance(value, list))
        if gone and write:
            workspace.save_settings(section, rest)
        found += gone
    return found


def find_remaining(workspace: Workspace, scrub: Scrub) -> Iterator[str]:
    """Yield the names of texts of a workspace that still mention a face, such as those of another program."""
    for path in _products(workspace):
        if path.suffix in _TEXTS and path not in (workspace.forgotten, workspace.forgetting):
            with path.open(encoding="utf-8", errors="replace") as stream:
                if any(scrub.mentions(line) for line in stream):
                    yield workspace.name_of(path)


def _products(workspace: Workspace) -> Iterator[Path]:
    """Yield the files that commands wrote, except crops, tables of the dataset and unfinished files."""
    folders = (workspace.manifest.parent, workspace.ratings.parent, workspace.root / "training")
    own = {workspace.manifest, workspace.sources, workspace.ratings_log}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            is_part = path.parent == workspace.parts and path.suffix == ".parquet"
            if path not in own and not is_part and path.is_file() and not path.is_symlink():
                yield path


def _files(workspace: Workspace) -> Iterator[Path]:
    """Yield the tables and documents that any command wrote."""
    for path in _products(workspace):
        own = path in (workspace.forgotten, workspace.forgetting) or files.TEMPORARY_PREFIX in path.name
        if not own and not any(path.is_relative_to(cache) for cache in (workspace.embeddings, workspace.pixels)):
            yield path


def _caches(workspace: Workspace, target: Target) -> Iterator[Path]:
    """Yield the files of caches that may have something of the faces; every one can be made again."""
    if target.faces:
        # Neither names its faces: pixels lie side by side, and embeddings have the digest of a crop.
        yield from workspace.pixels.glob("*")
        yield from workspace.embeddings.rglob("*")
    sources = target.sources | target.touched
    for folder in (workspace.playable, workspace.parts):
        for path in folder.glob("*"):
            is_about = not sources.isdisjoint(_IDENTIFIER.findall(path.name))
            if is_about and path.suffix != ".parquet":
                yield path


def _inside(workspace: Workspace, name: str) -> Path | None:
    """Return the path of a picture that fertools wrote; None if it leads to another place."""
    path = workspace.root / name
    homes = (workspace.root / "training", workspace.manifest.parent / "pictures")
    folder = path.parent.resolve()
    inside = any(folder.is_relative_to(home.resolve()) for home in homes)
    return path if inside and (path.is_file() or path.is_symlink()) else None
