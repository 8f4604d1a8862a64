"""Small manifests to test with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES

Row = dict[str, Any]


def identify(name: str) -> str:
    """Return 32 hex digits for a readable name."""
    return hash_bytes(name.encode())


def face(name: str, source: str = "clip.mp4", frame: int = 0, **columns: Any) -> Row:
    """Return a row of `faces` that breaks no invariant, changed by `columns`."""
    row = {
        "face_id": identify(name),
        "source_id": identify(source),
        "dataset": "made",
        "modality": "visible",
        "frame_index": frame,
        "pts_s": frame / 25,
        "shot_id": 0,
        "track_id": 0,
        "box": [10.0, 10.0, 60.0, 70.0],
        "landmarks": [[20.0, 30.0], [50.0, 30.0], [35.0, 45.0], [25.0, 60.0], [45.0, 60.0]],
        "det_score": 0.99,
        "interpolated": False,
        "path": f"faces/{identify(name)[:2]}/{identify(name)}.png",
        "size_px": 16,
        "template": "arcface",
        "matrix": [[1.5, -0.5, 3.0], [0.5, 1.5, -7.0]],
        "status": "kept",
        "subject_id": "anna",
        "subject_origin": "folder",
    }
    return row | columns


def source(name: str = "clip.mp4", **columns: Any) -> Row:
    """Return a row of `sources` for a video of 100 frames, changed by `columns`; counts are filled in on writing."""
    row = {
        "source_id": identify(name),
        "path": name,
        "kind": "video",
        "modality": "visible",
        "width_px": 640,
        "height_px": 480,
        "frames_decoded": 100,
        "frames_searched": 100,
        "status": "done",
    }
    return row | columns


def build(root: Path, faces: list[Row], sources: list[Row] | None = None, *, crops: bool = False) -> Workspace:
    """Return a workspace with these rows; without `sources`, with one video per source that the faces name."""
    workspace = Workspace(root)
    if sources is None:
        names = sorted({row["source_id"] for row in faces})
        sources = [source(name) | {"source_id": name} for name in names]
    for row in sources:
        own = [one for one in faces if one["source_id"] == row["source_id"]]
        for status in ("kept", "rejected"):
            row.setdefault(f"faces_{status}", sum(one["status"] == status for one in own))
        row.setdefault("faces_interpolated", sum(one["interpolated"] for one in own))
    store.write_table(workspace.manifest, FACES, FACES.table(faces))
    store.write_table(workspace.sources, SOURCES, SOURCES.table(sources))
    for row in faces if crops else []:
        path = workspace.root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    return workspace


def faces_of(workspace: Workspace) -> dict[str, Row]:
    """Return the manifest's rows by `face_id`."""
    return {row["face_id"]: row for row in store.read_faces(workspace).to_pylist()}
