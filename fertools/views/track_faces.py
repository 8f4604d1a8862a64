"""The faces of one track, in the order of time."""

from __future__ import annotations

from typing import Any

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.one_face import read_face

COLUMNS = (
    *("face_id", "frame_index", "pts_s", "path", "emotion", "valence", "arousal"),
    *("interpolated", "status", "reason", "subject_id"),
)
"""Columns of a face of a track."""


def read_track(workspace: Workspace, face_id: str) -> list[dict[str, Any]]:
    """Return the faces of the track that a face belongs to, kept and rejected ones, in the order of frames.

    Args:
        workspace: workspace of the manifest.
        face_id: identifier of any face of the track.

    Raises:
        InputError: there is no such face, or it belongs to no track.
        SchemaError: the manifest is damaged or of another schema version.
    """
    face = read_face(workspace, face_id)
    if face["track_id"] is None:
        raise InputError(f"the face '{face_id}' belongs to no track, because its source is a picture; show the face")
    wanted = [(name, "=", face[name]) for name in ("source_id", "track_id")]
    found = store.read_faces(workspace, COLUMNS, wanted).sort_by(
        [("frame_index", "ascending"), ("face_id", "ascending")]
    )
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows
