"""A small dataset to hand on: four people in two folds, three expressions, a video and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fertools.core.workspace import Workspace
from tests.manifests.rows import Row, build, face, identify, source

SIZE_PX = 16
EXPRESSIONS = ("fear", "happiness", "contempt")
PEOPLE = ("anna", "ben", "cleo", "dan")


def people_rows(**columns: Any) -> list[Row]:
    """Return a kept face per person and expression; the fold of a person is her number modulo two."""
    return [
        face(
            f"{person} {emotion}",
            f"{person}.mp4",
            frame,
            subject_id=person,
            emotion=emotion,
            fold=number % 2,
            track_id=3,
            valence=0.25,
            arousal=-0.5,
            yaw_deg=90.0,
            pitch_deg=-45.0,
            roll_deg=30.0,
            licence="CC0-1.0",
            # Box, landmarks and crop: a shift by (10, 20) and half the size.
            matrix=[[0.5, 0.0, -5.0], [0.0, 0.5, -10.0]],
            box=[14.0, 24.0, 34.0, 60.0],
            landmarks=[[20.0, 30.0], [30.0, 30.0], [25.0, 38.0], [21.0, 44.0], [29.0, 44.0]],
            **columns,
        )
        for number, person in enumerate(PEOPLE)
        for frame, emotion in enumerate(EXPRESSIONS)
    ]


def write_pictures(root: Path, rows: list[Row]) -> None:
    """Give each face a crop of its own noise."""
    for number, row in enumerate(rows):
        (root / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 255, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / row["path"])


@pytest.fixture
def rows() -> list[Row]:
    picture: dict[str, Any] = {"pts_s": None, "track_id": None, "frame_index": 0, "shot_id": None}
    return [
        *people_rows(),
        face("unknown", "still.png", emotion=None, subject_id="ella", fold=0, **picture),
        face("blurred", "anna.mp4", 7, emotion="fear", status="rejected", reason="blurred", subject_id="anna"),
        face("new", "new.png", emotion="fear", subject_id="finn", **picture),
    ]


@pytest.fixture
def workspace(tmp_path: Path, rows: list[Row]) -> Workspace:
    names = (*(f"{person}.mp4" for person in PEOPLE), "still.png", "new.png")
    sources = [source(name, kind="image" if name.endswith("png") else "video") for name in names]
    built = build(tmp_path / "dataset", rows, sources)
    write_pictures(built.root, rows)
    return built


def id_of(person: str, emotion: str) -> str:
    """Return the identifier of a face of `people_rows`."""
    return identify(f"{person} {emotion}")


def files_below(folder: Path) -> set[str]:
    """Return the relative paths of all files."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
