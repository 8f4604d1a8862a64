"""What a rater sees who asks what a crop leaves out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.annotations.surroundings import MOST_PX, REACH, around, draw_surroundings
from fertools.core.errors import InputError
from tests.conftest import write_clip
from tests.manifests.rows import build, face, identify, source


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_no_pixel_is_invented_and_the_box_is_drawn() -> None:
    frame = np.full((100, 200, 3), 90, np.uint8)
    part = around(frame, np.array([0.0, 40, 20, 60]))
    # The middle is at (10, 50), and 2.5 sides of 20 px to the left of it is beyond the frame.
    assert part.shape == (100, 10 + REACH * 20, 3)
    assert (part[40, 5:15] != 90).any()
    assert (part[5, 5] == 90).all()
    assert (frame == 90).all()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif"])
def test_the_frame_is_that_of_the_face(tmp_path: Path, suffix: str) -> None:
    """Each frame has a grey of its own; the 20th is far from the key frame."""
    frames = [np.full((64, 96, 3), 5 * number, np.uint8) for number in range(40)]
    codec = "gif" if suffix == ".gif" else "libx264"
    write_clip(tmp_path / f"clip{suffix}", frames, codec=codec)
    rows = [face("a", frame=20, pts_s=0.8, box=[40.0, 20, 60, 40])]
    workspace = build(tmp_path, rows, [source(f"clip{suffix}") | {"source_id": identify("clip.mp4")}])
    shown = _decoded(draw_surroundings(workspace, identify("a")))
    assert abs(int(shown[2, 2, 0]) - 100) <= 4


def test_a_picture_is_shown_and_a_large_one_shrunk(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 2000), (10, 200, 30)).save(tmp_path / "a.png")
    rows = [face("a", "a.png", pts_s=None, box=[500.0, 500, 1500, 1500])]
    workspace = build(tmp_path, rows, [source("a.png", kind="image")])
    shown = _decoded(draw_surroundings(workspace, identify("a")))
    assert max(shown.shape) == MOST_PX
    assert np.abs(shown[3, 3].astype(int) - (10, 200, 30)).max() < 6


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    workspace = build(tmp_path, [face("a")])
    with pytest.raises(InputError, match=r"is missing, so only the crop can be shown"):
        draw_surroundings(workspace, identify("a"))
    with pytest.raises(InputError, match="there is no face"):
        draw_surroundings(workspace, identify("b"))
