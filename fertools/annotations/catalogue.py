"""The catalogue of the rating page: the kept faces of the manifest and their videos, in memory."""

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
        source_id: identifier of the video in the sources table.
        path: path of the file in the sources table.
        duration_s: time from the first frame to the last; None if unknown.
        frames: number of frames; None if unknown.
        faces: number of kept faces.
    """

    source_id: str
    path: str
    duration_s: float | None
    frames: int | None
    faces: int


class Catalogue:
    """The kept faces and the videos of a workspace, as of its creation.

    Args:
        workspace: the workspace of the manifest.

    Attributes:
        face_ids: identifiers of the kept faces in the order of the manifest; the index of a face is its row.
        row_of: row of each face, by identifier.
        keys: N uint64, the first 16 digits of the identifiers, for seeded orders.
        fingerprint: digest of the kept faces.
        videos: videos with kept faces by source, in the order of their paths.

    Raises:
        InputError: there is no manifest, or it has no kept face.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        table = store.read_faces(workspace, _COLUMNS, [("status", "=", "kept")]).combine_chunks()
        if not len(table):
            raise InputError(f"{workspace.manifest} has no kept face, so there is nothing to rate; ingest more")
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
        """Return one cell of the manifest; None if it is null."""
        return self._table[column][row].as_py()

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of the manifest for all kept faces."""
        return self._table[name]

    def is_current(self) -> bool:
        """Return whether the manifest still has the same kept faces; it is read again only if its file changed."""
        stamp = _stamp(self.workspace.manifest)
        if stamp != self._stamp:
            try:
                table = store.read_faces(self.workspace, ["face_id"], [("status", "=", "kept")])
            except FertoolsError:
                self._current = False  # missing or of another version
            else:
                self._current = _fingerprint(table) == self.fingerprint
            self._stamp = stamp
        return self._current

    def track(self, row: int) -> Sequence[int]:
        """Return the rows of a face's track in the order of frames; only the face itself without a track."""
        if self.value("track_id", row) is None or self.value("frame_index", row) is None:
            return [row]
        if self._tracks is None:
            self._tracks = self._find_tracks()
        group, order, sorted_groups = self._tracks
        begin, end = np.searchsorted(sorted_groups, [group[row], group[row] + 1])
        return [int(one) for one in order[begin:end]]

    def _find_tracks(self) -> tuple[Integers, Integers, Integers]:
        """Return the track number of each row, all rows sorted by track and frame, and the sorted track numbers."""
        source = self._table["source_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        track = pc.fill_null(self._table["track_id"], -1).to_numpy()
        group = source.astype(np.int64) * 2**32 + track
        order = np.lexsort((pc.fill_null(self._table["frame_index"], -1).to_numpy(), group))
        return group, order, group[order]


def _fingerprint(table: pa.Table) -> str:
    return hash_bytes("".join(table["face_id"].to_pylist()).encode())


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return values that change if the file is rewritten; None if it is missing."""
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
