"""What the page of `fertools browse` shows: found faces, one face, its frame and its track, and statistics."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.one_face import read_face
from fertools.sources.face_frames import read_face_frame
from fertools.views.browse.face_index import LISTED_VALUES, ORDERS, FaceQuery, read_index
from fertools.views.conditions import EVERY_FACE, TEXTS
from fertools.views.face_picture import MARKS, face_picture
from fertools.views.stats import compute_stats
from fertools.views.stats_page import render_stats_page

TRACK_FACES = 200
"""Most faces of a track that the page shows, evenly spaced."""
_SHOWN = ("face_id", "emotion", "subject_id", "valence", "arousal", "pts_s", "status", "reason", "interpolated")


class BrowseService:
    """The faces of a workspace, as they were when the service began.

    Args:
        workspace: workspace of the manifest.

    Raises:
        InputError: there is no manifest.
        SchemaError: the manifest is damaged or of another schema version.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.index = workspace, read_index(workspace)
        self._sources: dict[str, str] = {}
        if workspace.sources.is_file():
            table = store.read_sources(workspace, ("source_id", "path"))
            self._sources = dict(zip(table["source_id"].to_pylist(), table["path"].to_pylist(), strict=True))

    def describe(self) -> dict[str, Any]:
        """Return what does not depend on a query."""
        limits = self.index.limits()
        return {
            "workspace": self.workspace.root.name,
            "faces": len(self.index),
            # Those with many values come last.
            "texts": sorted(TEXTS, key=("subject", "source").__contains__),
            "orders": [name for name in ORDERS if name in TEXTS or name in limits],
            "limits": limits,
            "listed": LISTED_VALUES,
            "marks": MARKS,
        }

    def find(self, query: FaceQuery) -> dict[str, Any]:
        """Return how many faces meet a query, and how many each value of a text condition would give."""
        found = self.index.find(query)
        listed = {value for value in found.counts["source"] if value in self._sources}
        return {
            "total": len(found.places),
            "counts": {name: list(counts.items()) for name, counts in found.counts.items()},
            "sources": {value: self._sources[value] for value in listed},
        }

    def rows(self, query: FaceQuery, start: int, count: int) -> list[dict[str, Any]]:
        """Return some of the faces that meet a query, in its order, with the value that they are sorted by."""
        found = self.index.find(query)
        names = dict.fromkeys((*_SHOWN, TEXTS.get(query.order, query.order)))
        rows = self.index.rows(found.places[start : start + count], list(names))
        return [{name: _plain(value) for name, value in row.items()} for row in rows]

    def face(self, face_id: str) -> dict[str, Any]:
        """Return every known column of a face, and the path of its source.

        Raises:
            InputError: there is no such face.
        """
        row = read_face(self.workspace, face_id)
        return {
            "source": self._sources.get(row["source_id"], row["source_id"]),
            "row": {name: _plain(value) for name, value in row.items() if value is not None},
        }

    def track(self, face_id: str) -> dict[str, Any]:
        """Return the faces of the track of a face in the order of time; at most `TRACK_FACES`, evenly spaced.

        Raises:
            InputError: there is no such face.
        """
        place = self.index.place_of(face_id)
        if place is None:
            raise InputError(f"there is no face '{face_id}' on this page")
        places = self.index.track_of(place)
        step = max(1, math.ceil(len(places) / TRACK_FACES))
        rows = self.index.rows(places[::step], _SHOWN)
        return {"total": len(places), "faces": [{name: _plain(value) for name, value in row.items()} for row in rows]}

    def crop(self, face_id: str) -> Path | None:
        """Return the path of the crop of a face; None if there is none."""
        place = self.index.place_of(face_id)
        if place is None:
            return None
        path = self.index.rows(np.array([place], np.int32), ["path"])[0]["path"]
        return None if path is None else self.workspace.root / path

    def frame(self, face_id: str, *, around: bool) -> bytes:
        """Return a face in its frame as JPEG; see `fertools.views.face_picture.draw_face`.

        Raises:
            InputError: there is no such face, or its source is missing or cannot be read.
        """
        drawn = face_picture(read_face_frame(self.workspace, face_id), around=around)
        return cv2.imencode(".jpg", drawn[..., ::-1])[1].tobytes()

    def stats_page(self, query: FaceQuery, stylesheet: str) -> str:
        """Return the statistics of the faces that meet a query, as an HTML page."""
        columns, every = (self.index.columns(one) for one in (query.conditions, EVERY_FACE))
        found = compute_stats(self.workspace, columns, every)
        return render_stats_page(found, f"Faces of {self.workspace.root.name}", stylesheet=stylesheet)


def _plain(value: Any) -> Any:
    """Return a value for JSON, which has no NaN."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
