"""A workspace of made tracks and an embedder that tells people apart by the grey of their crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.faces.identity.embedder import EmbedderCard, Floats, Pictures, unit
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES

WIDTH = 16


def face_id(video: str, track: int, frame: int) -> str:
    """Return the identifier of a face of a made track."""
    return hash_bytes(f"{video} {track} {frame}".encode())


@dataclass(frozen=True)
class MadeTrack:
    """A track: one person per frame, by the grey of the crop, from `start` on."""

    video: str
    track: int
    people: tuple[int, ...]
    start: int = 0
    named: str | None = None


class GreyEmbedder:
    """Embeds a crop by its grey: 0 to 255 are people with directions of their own, and noise by the pixels' sum."""

    def __init__(self, threshold: float | None = 0.7) -> None:
        self.card = EmbedderCard("grey", "0" * 32, WIDTH, "arcface", 8, "grey", "none", "made for tests", threshold)
        self.calls = 0

    def embed(self, crops: Pictures) -> Floats:
        self.calls += len(crops)
        found = [np.random.default_rng(round(float(crop.mean()) / 10)).normal(size=WIDTH) for crop in crops]
        return unit(np.stack(found)) if found else np.empty((0, WIDTH), np.float32)


def write_tracks(workspace: Workspace, tracks: Sequence[MadeTrack]) -> None:
    """Write the manifest of tracks with their crops; people are numbers from 0 to 25."""
    rows: list[dict[str, Any]] = []
    for one in tracks:
        for place, person in enumerate(one.people):
            name = face_id(one.video, one.track, one.start + place)
            path = workspace.root / workspace.crop_path(name, ".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                cv2.imwrite(str(path), np.full((16, 16, 3), person * 10, np.uint8))
            rows.append(
                {
                    "face_id": name,
                    "source_id": hash_bytes(one.video.encode()),
                    "dataset": "made",
                    "modality": "visible",
                    "frame_index": one.start + place,
                    "shot_id": 0,
                    "track_id": one.track,
                    "box": [one.track * 50.0, 0.0, one.track * 50.0 + 40, 40.0],
                    "interpolated": False,
                    "path": workspace.crop_path(name, ".png"),
                    "size_px": 16,
                    "template": "arcface",
                    "status": "kept",
                    "subject_id": one.named or f"v-{one.video}-t{one.track}",
                    "subject_origin": "folder" if one.named else "video",
                }
            )
    counts = {"faces_kept": 1, "faces_rejected": 0, "faces_interpolated": 0}
    videos = sorted({one.video for one in tracks})
    sources = [
        {
            "source_id": hash_bytes(video.encode()),
            "path": f"{video}.mp4",
            "kind": "video",
            "modality": "visible",
            "status": "done",
            **counts,
        }
        for video in videos
    ]
    kept = {}
    if workspace.manifest.is_file():
        before = store.read_faces(workspace).to_pylist()
        kept = {row["face_id"]: row for row in before}
    store.write_table(workspace.manifest, FACES, FACES.table([kept.get(row["face_id"], row) for row in rows]))
    store.write_table(workspace.sources, SOURCES, SOURCES.table(sources))


def made_workspace(folder: Path, tracks: Sequence[MadeTrack]) -> Workspace:
    """Return a new workspace of tracks."""
    workspace = Workspace(folder)
    write_tracks(workspace, tracks)
    return workspace


def subjects(workspace: Workspace) -> dict[tuple[str, int], set[str]]:
    """Return the subjects of the faces of each track, by the path of the video and the number of the track."""
    paths = {row["source_id"]: Path(row["path"]).stem for row in store.read_sources(workspace).to_pylist()}
    found: dict[tuple[str, int], set[str]] = {}
    for row in store.read_faces(workspace).to_pylist():
        found.setdefault((paths[row["source_id"]], row["track_id"]), set()).add(row["subject_id"])
    return found
