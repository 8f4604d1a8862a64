"""One bad source is a row with its reason; the files before and after it are done all the same."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.core.errors import Interrupted, MachineError, StorageError
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import IngestSummary, ingest
from fertools.ingestion.steps import Crop
from fertools.manifests import store
from fertools.sources import images, videos
from tests.conftest import write_clip
from tests.ingestion.clips import OPTIONS, moving_face, small
from tests.sources.ffmpeg import make


@pytest.fixture
def folder(tmp_path: Path, portrait: NDArray[np.uint8]) -> Path:
    """Pictures and videos, of which each kind has one named `bad` in its middle."""
    for number, name in enumerate(("a", "bad", "z")):
        write_clip(tmp_path / "given" / f"{name}.mp4", moving_face(portrait, 3 + number))
        picture = np.roll(small(portrait), number, axis=0)
        cv2.imwrite(str(tmp_path / "given" / f"{name}.png"), picture[..., ::-1])
    return tmp_path / "given"


def _unless_bad(function: Callable[..., Any], path_at: Callable[..., Path], error: BaseException) -> Callable[..., Any]:
    def broken(*arguments: Any) -> Any:
        if path_at(*arguments).stem == "bad":
            raise error
        return function(*arguments)

    return broken


def _break_opening(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    patch.setattr(videos, "open_video", _unless_bad(videos.open_video, lambda path: path, error))
    patch.setattr(Image, "open", _unless_bad(Image.open, lambda path: path, error))


def _break_turning(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    frames = _unless_bad(videos.FrameReader._frames, lambda reader, *_: reader.path, error)
    patch.setattr(videos.FrameReader, "_frames", frames)
    patch.setattr(images, "to_rgb", _unless_bad(images.to_rgb, lambda picture, path, *_: path, error))


def _break_cropping(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    patch.setattr(Crop, "cut", _unless_bad(Crop.cut, lambda self, seen, context: context.source.path, error))


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (_break_opening, RuntimeError("of a codec")),
        (_break_opening, UnicodeDecodeError("utf-8", b"\xfc", 0, 1, "invalid start byte")),
        (_break_opening, OSError(errno.EIO, "Input/output error")),
        (_break_opening, av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")),
        (_break_turning, struct.error("required argument is not an integer")),
        (_break_turning, TypeError()),
        (_break_cropping, cv2.error("(-215:Assertion failed)")),
        (_break_cropping, KeyError("rotation")),
    ],
)
def test_whatever_a_source_raises_is_its_reason(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[..., None], error: Exception
) -> None:
    workspace = Workspace(tmp_path)
    with monkeypatch.context() as patch:
        broken(patch, error)
        summary = ingest([folder], workspace, OPTIONS)
    _check(summary, workspace)
    # A rerun goes on, and finds nothing left to do.
    assert ingest([folder], workspace, OPTIONS).new_sources == 0


def _check(summary: IngestSummary, workspace: Workspace) -> None:
    assert summary.sources == {"done": 4, "failed": 2}
    assert {Path(name).stem for name, _ in summary.failures} == {"bad"}
    assert all(reason for _, reason in summary.failures)
    faces = store.read_faces(workspace, ["source_id"])["source_id"].to_pylist()
    sources = store.read_sources(workspace, ["source_id", "path"]).to_pylist()
    assert {Path(row["path"]).name for row in sources if row["source_id"] in faces} == {
        "a.mp4",
        "a.png",
        "z.mp4",
        "z.png",
    }


@pytest.mark.parametrize(
    ("broken", "error", "told"),
    [
        (_break_opening, StorageError("the disk is full"), StorageError),
        (_break_opening, Interrupted("terminated"), Interrupted),
        (_break_opening, OSError(errno.EMFILE, "Too many open files"), MachineError),
        (_break_turning, KeyboardInterrupt(), KeyboardInterrupt),
        (_break_turning, MemoryError(), MachineError),
        (_break_cropping, OSError(errno.ENOSPC, "No space left on device"), StorageError),
        (_break_cropping, MemoryError(), MachineError),
    ],
)
def test_what_is_no_fault_of_the_source_ends_the_work(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[..., None],
    error: BaseException,
    told: type[BaseException],
) -> None:
    broken(monkeypatch, error)
    with pytest.raises(told):
        ingest([folder / "bad.mp4"], Workspace(tmp_path), OPTIONS)


def test_a_video_that_breaks_off_strangely_keeps_what_came_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upright, count = videos.upright, 0

    def third(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise ValueError("of a plane")
        return upright(*arguments)

    monkeypatch.setattr(videos, "upright", third)
    workspace = Workspace(tmp_path)
    summary = ingest([folder / "bad.mp4"], workspace, OPTIONS)
    assert summary.sources == {"done": 1}
    (reason,) = store.read_sources(workspace, ["reason"])["reason"].to_pylist()
    assert reason == "decoding of it stopped after frame 1 (ValueError: of a plane)"
    assert summary.faces_kept == 2


def test_metadata_in_another_encoding_is_read_over(folder: Path, tmp_path: Path) -> None:
    odd = make(folder / "latin.mp4", "-i", str(folder / "z.mp4"), "-c", "copy", "-metadata", "title=Grusse aus Koln")
    odd.write_bytes(odd.read_bytes().replace(b"Grusse aus Koln", "Grüße aus Köln".encode("latin-1") + b"!"))
    assert ingest([odd], Workspace(tmp_path), OPTIONS).sources == {"done": 1}


def test_debug_shows_where_a_source_failed(folder: Path) -> None:
    """In a worker of its own too."""
    (folder / "bad.mp4").write_bytes(b"no video" * 99)
    command = [sys.executable, "-m", "fertools", "ingest", "a.png", "bad.mp4", "--workers", "2"]
    done = subprocess.run([*command, "--debug"], cwd=folder, capture_output=True, text=True, check=False)
    assert "failed: bad.mp4: it cannot be decoded" in done.stderr
    assert "\nbad.mp4: Traceback" in done.stderr
