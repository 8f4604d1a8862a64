"""Sequences: faces that are frames of one take, so that they can vote, and stay together where a probe is tested.

Frames of a video are one sequence per track. Datasets also store the frames of a video as numbered pictures. Pictures
of one folder and one subject are a sequence if their names differ only in the number at their end. Drawn
stills count only if they are frames of a clip.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.samples.counterparts import DrawnDataset, find_drawn, open_drawn

_NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>\d+)")


def name_sequences(workspace: Workspace, faces: pa.Table) -> tuple[list[str | None], list[int | None]]:
    """Return the name of the sequence of each face, and the number of its frame; None for a single picture.

    Args:
        workspace: workspace with the sources.
        faces: N rows of the manifest.
    """
    tracks = [
        None if time is None else f"{source} {track or 0}"
        for source, track, time in zip(*_columns(faces, "source_id", "track_id", "pts_s"), strict=True)
    ]
    numbered = _numbered_pictures(workspace, faces)
    names = [track or found[0] for track, found in zip(tracks, numbered, strict=True)]
    frames = _columns(faces, "frame_index")[0]
    numbers = [frame if track else found[1] for track, frame, found in zip(tracks, frames, numbered, strict=True)]
    return names, [number if name else None for name, number in zip(names, numbers, strict=True)]


def split_name(path: str) -> tuple[str, int] | None:
    """Return the folder and name of a numbered picture without its number, and the number; None without a number.

    Example:
        >>> split_name("ck/S005/001/S005_001_00000011.png")
        ('ck/S005/001/S005_001_', 11)
        >>> split_name("photo.png") is None
        True
    """
    file = PurePath(path)
    found = _NUMBERED.fullmatch(file.stem)
    if found is None or len(found["number"]) > 18:
        return None
    return f"{file.parent.as_posix()}/{found['name']}", int(found["number"])


def _numbered_pictures(workspace: Workspace, faces: pa.Table) -> list[tuple[str, int] | tuple[None, None]]:
    """Return the sequence and the number of each face in a numbered picture."""
    nothing: tuple[None, None] = (None, None)
    if not workspace.sources.is_file():
        return [nothing] * len(faces)
    rows = store.read_sources(workspace, ("source_id", "path", "kind")).to_pylist()
    known = {
        row["source_id"]: split_name(row["path"])
        for row in rows
        if row["kind"] == "image" and not _shows_an_occasion((workspace.root / row["path"]).absolute())
    }
    sources, people = _columns(faces, "source_id", "subject_id")
    found = [known.get(source) for source in sources]
    shown: dict[str, set[str | None]] = {}
    for entry, person in zip(found, people, strict=True):
        if entry is not None:
            shown.setdefault(entry[0], set()).add(person)
    single = {name for name, subjects in shown.items() if len(subjects) == 1 and None not in subjects}
    return [entry if entry is not None and entry[0] in single else nothing for entry in found]


def _shows_an_occasion(picture: Path) -> bool:
    """Return whether a picture is of a drawn dataset that numbers occasions, and not the frames of a clip."""
    drawn = _drawn_at(picture.parent)
    return drawn is not None and not drawn.is_frame(picture)


@functools.lru_cache(maxsize=4096)
def _drawn_at(folder: Path) -> DrawnDataset | None:
    root = find_drawn(folder)
    return None if root is None else open_drawn(root)


def _columns(faces: pa.Table, *names: str) -> list[list[Any]]:
    return [faces[name].to_pylist() for name in names]
