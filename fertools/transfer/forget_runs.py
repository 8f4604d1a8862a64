"""The training runs that saw some people, and the pictures in their folders."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from fertools.core.workspace import Workspace
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import load_lineage
from fertools.training.runs.recorded_pixels import was_given

_RECORDS = ("*/*/run.json", "*/*/*/run.json", "*/*/*/*/run.json")
_NAMED_BY_FACE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class SeenBy:
    """The runs of a workspace that saw some people, as `SYSTEM/RUN`.

    Attributes:
        trained: runs that learned from them, or were selected by them.
        tested: other runs that were given their faces. If the people had other identifiers then, these learned, too.
        untraceable: runs without the records from which that follows.
        pictures: reports, sample grids and logs that may show the people.
    """

    trained: tuple[str, ...] = ()
    tested: tuple[str, ...] = ()
    untraceable: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()


def find_runs(
    workspace: Workspace, people: Collection[str], faces: Collection[str], changed: Collection[Path]
) -> SeenBy:
    """Return the runs that saw some people.

    Args:
        workspace: the workspace.
        people: digests of the people, as in the lineage of runs.
        faces: identifiers of their faces.
        changed: files that have rows or entries on the people.

    Raises:
        InputError: the record of a run, or its list of people, is damaged.
    """
    root = workspace.root / "training"
    found: dict[str, list[str]] = {"trained": [], "tested": [], "untraceable": []}
    folders = []
    for path in sorted({path for pattern in _RECORDS for path in root.glob(pattern)}) if people else ():
        kind = _kind(RunFolder(path.parent), people, faces, changed)
        if kind is not None:
            folders.append(path.parent)
            found[kind].append(path.parent.relative_to(root).as_posix())
    # The reports of comparisons and experiments show pictures of several runs.
    joint = {path.parent for path in root.rglob("*.html") if not (path.parent / "run.json").is_file()}
    pictures = {path for folder in (*folders, *(joint if folders else ())) for path in _pictures(folder)}
    return SeenBy(**{kind: tuple(names) for kind, names in found.items()}, pictures=tuple(sorted(pictures)))


def _kind(folder: RunFolder, people: Collection[str], faces: Collection[str], changed: Collection[Path]) -> str | None:
    """Return what a run had to do with some people: a field of `SeenBy`, or None for nothing."""
    record = folder.read()
    lineage = load_lineage(folder, record) if record is not None else None
    if record is None or lineage is None:
        return "untraceable"
    if not lineage.people.isdisjoint(people):
        return "trained"
    given = was_given(folder, faces)
    if given or any(path.is_relative_to(folder.root) for path in changed):
        return "tested"
    # A run that is not finished has no predictions yet, so without its pixels nobody can tell whom it shows.
    return "untraceable" if given is None and not record["finished"] else None


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield pictures that may show several people; one that shows one face is named by its identifier."""
    for path in folder.rglob("*"):
        shows = path.suffix in (".html", ".png", ".jpg", ".svg", ".pdf") or "tensorboard" in path.parts
        if shows and path.is_file() and not _NAMED_BY_FACE.fullmatch(path.stem):
            yield path
