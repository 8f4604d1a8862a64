"""Running the command line in this process, and a workspace that commands can be tried on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from fertools.cli.main import main
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def fertools(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs `fertools ARGUMENTS` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["fertools", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        captured = capfd.readouterr()
        return Ended(int(left.value.code or 0), captured.out, captured.err)

    yield run
    signal.signal(signal.SIGTERM, before)


def make_workspace(root: Path, *, subjects: int = 4, per_emotion: int = 2, **columns: Any) -> Workspace:
    """Write a manifest of noise faces: `subjects` people, each with `per_emotion` faces of each expression."""
    from PIL import Image

    workspace = Workspace(root)
    rng = np.random.default_rng(0)
    faces, sources = [], []
    for subject in range(subjects):
        for number, emotion in enumerate(EMOTIONS):
            source_id = f"{subject:08x}{number:024x}"
            for take in range(per_emotion):
                face_id = f"{take:02x}{subject:06x}{number:024x}"
                path = workspace.crop_path(face_id, ".png")
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(root / path)
                row = {
                    "face_id": face_id,
                    "source_id": source_id,
                    "modality": "visible",
                    "frame_index": take,
                    "pts_s": take / 25,
                    "shot_id": 0,
                    "track_id": 0,
                    "interpolated": False,
                    "path": path,
                    "size_px": 64,
                    "template": "loose",
                    "status": "kept",
                    "subject_id": f"s{subject}",
                    "subject_origin": "folder",
                    "emotion": emotion,
                    "emotion_origin": "folder",
                }
                faces.append(row | columns)
            sources.append(
                {
                    "source_id": source_id,
                    "path": f"videos/s{subject}/{emotion}.mp4",
                    "kind": "video",
                    "modality": "visible",
                    "faces_kept": per_emotion,
                    "faces_rejected": 0,
                    "faces_interpolated": 0,
                    "status": "done",
                }
            )
    store.write_table(workspace.manifest, FACES, FACES.table(faces))
    store.write_table(workspace.sources, SOURCES, SOURCES.table(sources))
    return workspace
