"""A workspace of random faces to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fertools.core.workspace import Workspace
from tests.manifests.rows import Row, build, face


def random_rows(count: int, seed: int) -> list[Row]:
    """Return faces with every kind of null, drawn at random."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        known = rng.random() < 0.7
        values: Row = {
            "emotion": ["anger", "happiness", "neutral", "contempt", None][int(rng.integers(5))],
            "subject_id": ["anna", "ben", "eva", None][int(rng.integers(4))],
            "dataset": ["one", "two", None][int(rng.integers(3))],
            "valence": float(rng.uniform(-1, 1)) if known else None,
            "arousal": float(rng.uniform(-1, 1)) if known else None,
            "blur": float(rng.gamma(2, 100)) if rng.random() < 0.9 else None,
            "yaw_deg": float(rng.normal(0, 20)),
            "fold": int(rng.integers(3)) if rng.random() < 0.5 else None,
            "track_id": int(rng.integers(3)),
            "status": rng.choice(["kept", "kept", "rejected"]),
        }
        values["reason"] = "blurred" if values["status"] == "rejected" else None
        values["subject_origin"] = None if values["subject_id"] is None else "folder"
        rows.append(face(f"f{number}", f"clip{rng.integers(4)}.mp4", number, **values))
    return rows


def random_workspace(folder: Path, count: int = 200, seed: int = 1, *, crops: bool = False) -> Workspace:
    """Return a workspace of random faces."""
    return build(folder, random_rows(count, seed), crops=crops)
