"""The faces to export: all labelled faces with their source, frame and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from fertools.annotations.formats.filenames import name_files
from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store

LABELS = ("emotion", "valence", "arousal", "intensity", "subject_id")
Files = dict[str, str | bytes]
"""Files of a writer by their names in the output folder; the single file of a format has an empty name."""
FRAME_S = 0.04
"""Assumed duration of a frame in seconds if the video has no duration."""


def labelled_faces(workspace: Workspace) -> pd.DataFrame:
    """Return the faces with an emotion, valence or intensity, sorted by source, frame and identifier.

    Returns:
        Columns `face_id`, `status`, `source` (path), `name` (of the exported file of the source), `frame_index`,
        `pts_s`, `crop` (path), `size_px`, those of LABELS, `va_origin`, `frames` (number of frames of the source) and
        `frame_s` (duration of a frame).

    Raises:
        InputError: no face has a label.
    """
    names = ("face_id", "status", "source_id", "frame_index", "pts_s", "path", "size_px", *LABELS, "va_origin")
    faces = store.read_faces(workspace, names)
    given = [pc.is_valid(faces[name]) for name in ("emotion", "valence", "intensity")]
    faces = faces.filter(pc.or_(pc.or_(given[0], given[1]), given[2]))
    if not len(faces):
        raise InputError(f"no face in {workspace.manifest} has a label; {calls.PUBLISH} writes those of people")
    sources = store.read_sources(workspace, ("source_id", "path", "frames_decoded", "duration_s")).to_pandas()
    sources = sources.rename(columns={"path": "source", "frames_decoded": "frames"})
    sources["name"] = sources["source_id"].map(
        name_files(dict(zip(sources["source_id"], sources["source"], strict=True)))
    )
    sources["frame_s"] = (sources["duration_s"] / (sources["frames"] - 1)).where(sources["frames"] > 1)
    sources["frame_s"] = sources["frame_s"].replace([np.inf, 0], np.nan).fillna(FRAME_S)
    table = faces.to_pandas().rename(columns={"path": "crop"})
    table = table.merge(sources.drop(columns="duration_s"), on="source_id", how="left")
    ordered: pd.DataFrame = table.sort_values(["source", "frame_index", "face_id"], ignore_index=True)
    return ordered


def records(faces: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of `labelled_faces` as dictionaries; unknown values are None, and float32 stays float32."""
    columns = {name: faces[name].to_numpy() for name in faces.columns}
    cells = zip(*columns.values(), strict=True)
    return [
        {name: None if value is None or value != value else value for name, value in zip(columns, row, strict=True)}
        for row in cells
    ]


def by_source(faces: pd.DataFrame, labels: tuple[str, ...], format_name: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the file name without suffix and the faces of each source, with one row per frame.

    Raises:
        InputError: two faces of one frame have different labels, which a format with one row per frame cannot hold.
    """
    for source, own in faces.groupby("source", sort=True):
        frames = own.drop_duplicates(["frame_index", *labels])
        if (repeated := frames["frame_index"].duplicated()).any():
            frame = int(frames.loc[repeated, "frame_index"].iloc[0])
            raise InputError(
                f"frame {frame} of {source} shows several faces with different labels, and {format_name} has one row "
                "a frame; export to csv, which names faces"
            )
        yield str(frames["name"].iloc[0]), frames
