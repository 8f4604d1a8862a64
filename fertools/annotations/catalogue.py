"""What there is to rate: the kept faces of the manifest and the videos they came from, held in memory for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import FertoolsError, InputError
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.manifests import store

Integers = npt.NDArray[np.int64]

_COLUMNS = (
    "face_id",
    "source_id",
    "frame_index",
    "pts_s",
    "track_id",
    "path",
    "emotion",
    "emotion_origin",
    "valence",
    "arousal",
    "va_origin",
)


@dataclass(frozen=True)
class Video:
    """A video that can be traced.

    Attributes:
        source_id: its row of the sources table.
        path: the file, as the sources table names it.
        duration_s: from the first frame to the last; None where unknown.
        frames: how many frames it has; None where unknown.
        faces: how many faces were kept in it.
    """

    source_id: str
    path: str
    duration_s: float | None
    frames: int | None
    faces: int


class Catalogue:
    """The faces and videos of a workspace, as they are in its manifest now.

    Args:
        workspace: whose manifest.

    Attributes:
        face_ids: identifier of each face that was kept, in the order of the manifest; a face's place here is its row.
        row_of: identifier of a face to its row.
        keys: (n,) uint64, the first 16 digits of the identifiers, for seeded orders.
        fingerprint: the same for the same kept faces.
        videos: source to video, in the order of their paths; sources without a kept face are left out.

    Raises:
        InputError: there is no manifest, or no face in it was kept.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        table = store.read_faces(workspace, _COLUMNS, [("status", "=", "kept")]).combine_chunks()
        if not len(table):
            raise InputError(f"no face in {workspace.manifest} was kept, so there is nothing to rate; ingest more")
        self._table = table
        self.face_ids: list[str] = table["face_id"].to_pylist()
        self.row_of = {face_id: row for row, face_id in enumerate(self.face_ids)}
        self.keys = np.array([int(face_id[:16], 16) for face_id in self.face_ids], np.uint64)
        self.videos = _videos(workspace, table["source_id"])
        self.fingerprint = _fingerprint(table)
        self._stamp, self._current = _stamp(workspace.manifest), True
        self._tracks: tuple[Integers, Integers, Integers] | None = None

    def __len__(self) -> int:
        return len(self.face_ids)

    def value(self, column: str, row: int) -> Any:
        """Return one cell of the manifest, None where it is null."""
        return self._table[column][row].as_py()

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of the manifest for all faces that were kept."""
        return self._table[name]

    def is_current(self) -> bool:
        """Return whether the manifest still has the same kept faces; it is only read if its file was written again."""
        stamp = _stamp(self.workspace.manifest)
        if stamp != self._stamp:
            try:
                table = store.read_faces(self.workspace, ["face_id"], [("status", "=", "kept")])
            except FertoolsError:
                self._current = False  # moved away, or of another version: not what is served here
            else:
                self._current = _fingerprint(table) == self.fingerprint
            self._stamp = stamp
        return self._current

    def track(self, row: int) -> Sequence[int]:
        """Return the rows of the track that a face is in, by frame; the face alone if it is in none."""
        if self.value("track_id", row) is None or self.value("frame_index", row) is None:
            return [row]
        if self._tracks is None:
            self._tracks = self._find_tracks()
        group, order, sorted_groups = self._tracks
        begin, end = np.searchsorted(sorted_groups, [group[row], group[row] + 1])
        return [int(one) for one in order[begin:end]]

    def _find_tracks(self) -> tuple[Integers, Integers, Integers]:
        """Return a number per row that faces of one track share, all rows sorted by it and by frame, and it sorted."""
        source = self._table["source_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        track = pc.fill_null(self._table["track_id"], -1).to_numpy()
        group = source.astype(np.int64) * 2**32 + track
        order = np.lexsort((pc.fill_null(self._table["frame_index"], -1).to_numpy(), group))
        return group, order, group[order]


def _fingerprint(table: pa.Table) -> str:
    return hash_bytes("".join(table["face_id"].to_pylist()).encode())


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is written again, None if it is missing."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _videos(workspace: Workspace, sources_of_faces: pa.ChunkedArray) -> dict[str, Video]:
    counts = {item["values"]: item["counts"] for item in pc.value_counts(sources_of_faces).to_pylist()}
    columns = ("source_id", "path", "kind", "duration_s", "frames_decoded")
    sources = store.read_sources(workspace, columns, [("kind", "=", "video")]).sort_by("path")
    return {
        row["source_id"]: Video(
            row["source_id"], row["path"], row["duration_s"], row["frames_decoded"], counts[row["source_id"]]
        )
        for row in sources.to_pylist()
        if row["source_id"] in counts
    }
