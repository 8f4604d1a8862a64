"""Sequences: faces that are frames of one take, so that they can vote, and stay together where a probe is tested.

Frames of a video are one sequence per track. Pictures are one if the manifest has a `sequence_id` for them, or if they
are stills of a drawn clip, whose names differ only in the number at their end. Other pictures with numbered names are
no sequence: they may be photographs of different days, as in LFW.
"""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.samples.counterparts import DrawnDataset, find_drawn, open_drawn
from fertools.sources.naming import split_name


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
    numbered = [
        stated if stated[0] else drawn
        for stated, drawn in zip(_stated(workspace, faces), _numbered_stills(workspace, faces), strict=True)
    ]
    names = [track or found[0] for track, found in zip(tracks, numbered, strict=True)]
    frames = _columns(faces, "frame_index")[0]
    numbers = [frame if track else found[1] for track, frame, found in zip(tracks, frames, numbered, strict=True)]
    return names, [number if name else None for name, number in zip(names, numbers, strict=True)]


def _stated(workspace: Workspace, faces: pa.Table) -> list[tuple[str, int] | tuple[None, None]]:
    """Return the sequence of each face by its `sequence_id`, and the number at the end of its file's name.

    A picture with several faces belongs to none, since it is unknown whose frames the faces are.
    """
    nothing: tuple[None, None] = (None, None)
    if "sequence_id" not in faces.column_names or faces["sequence_id"].null_count == len(faces):
        return [nothing] * len(faces)
    rows = store.read_sources(workspace, ("source_id", "path")).to_pylist() if workspace.sources.is_file() else []
    numbers = {row["source_id"]: (split_name(row["path"]) or ("", 0))[1] for row in rows}
    sources = _columns(faces, "source_id")[0]
    alone = Counter(sources)
    return [
        nothing if name is None or alone[source] > 1 else (f"{dataset} {modality} {name}", numbers.get(source, 0))
        for source, dataset, modality, name in zip(
            sources, *_columns(faces, "dataset", "modality", "sequence_id"), strict=True
        )
    ]


def _numbered_stills(workspace: Workspace, faces: pa.Table) -> list[tuple[str, int] | tuple[None, None]]:
    """Return the sequence and the number of each face in a still of a drawn clip."""
    nothing: tuple[None, None] = (None, None)
    if not workspace.sources.is_file():
        return [nothing] * len(faces)
    rows = store.read_sources(workspace, ("source_id", "path", "kind")).to_pylist()
    known = {
        row["source_id"]: split_name(row["path"])
        for row in rows
        if row["kind"] == "image" and _is_frame((workspace.root / row["path"]).absolute())
    }
    (sources,) = _columns(faces, "source_id")
    return [known.get(source) or nothing for source in sources]


def _is_frame(picture: Path) -> bool:
    """Return whether a picture is a still of a drawn clip."""
    drawn = _drawn_at(picture.parent)
    return drawn is not None and drawn.is_frame(picture)


@functools.lru_cache(maxsize=4096)
def _drawn_at(folder: Path) -> DrawnDataset | None:
    root = find_drawn(folder)
    return None if root is None else open_drawn(root)


def _columns(faces: pa.Table, *names: str) -> list[list[Any]]:
    return [faces[name].to_pylist() for name in names]
