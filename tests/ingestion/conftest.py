"""A folder of videos of every kind, and a workspace in which it was ingested; neither is changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import IngestSummary, ingest
from tests.conftest import write_clip
from tests.ingestion.clips import OPTIONS, moving_face, small


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """A folder with one face, two faces, no face, a broken file, a copy, and a picture."""
    folder = tmp_path_factory.mktemp("given") / "videos"
    face = small(portrait)
    pair = [np.concatenate([frame, frame[:, ::-1]], axis=1) for frame in moving_face(portrait, 3)]
    write_clip(folder / "joyful" / "one.mp4", moving_face(portrait, 6))
    write_clip(folder / "p07" / "sad" / "two.mp4", pair)
    write_clip(folder / "p07" / "sad" / "alone.mp4", moving_face(portrait, 3, step_px=4))
    write_clip(folder / "nobody.mp4", [np.full((96, 96, 3), 90, dtype=np.uint8)] * 3)
    (folder / "broken.mp4").write_bytes(b"this is no video" * 50)
    (folder / "zero.mp4").touch()
    shutil.copy(folder / "joyful" / "one.mp4", folder / "z-copy.mp4")
    cv2.imwrite(str(folder / "p07" / "portrait.png"), face[..., ::-1])
    return folder


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> tuple[Workspace, IngestSummary]:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    return workspace, ingest([videos], workspace, OPTIONS)
