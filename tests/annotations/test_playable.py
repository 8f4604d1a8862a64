from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fertools.annotations.playable import COPY_SIDE_PX, find_copy, make_copy, original_if_playable
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.sources.videos import FrameReader
from tests.conftest import write_clip
from tests.sources.formats import VIDEOS, write_video

FRAMES = [np.full((64, 96, 3), 8 * number, np.uint8) for number in range(12)]
UNEVEN_MS = [0, 40, 80, 200, 210, 220, 500, 540, 580, 620, 1000, 1033]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx")])
def test_what_browsers_play_is_played_as_it_is_with_the_manifests_times(tmp_path: Path, name: str, codec: str) -> None:
    path = write_clip(tmp_path / name, FRAMES, times_ms=UNEVEN_MS, codec=codec)
    found = original_if_playable(path)
    assert found is not None
    assert found.path == path
    assert found.times_s == pytest.approx([frame.pts_s for frame in FrameReader(path)], abs=1e-6)


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mpeg4"), ("a.mkv", "libx264"), ("a.gif", "gif")])
def test_others_are_copied_once_frame_by_frame(tmp_path: Path, name: str, codec: str) -> None:
    path = write_clip(tmp_path / name, FRAMES, codec=codec)
    assert original_if_playable(path) is None
    workspace = Workspace(tmp_path)
    assert find_copy(workspace, "s") is None
    seen: list[int] = []
    made = make_copy(workspace, "s", path, advance=seen.append)
    assert seen == list(range(1, 13))
    original = [frame.pts_s or 0.0 for frame in FrameReader(path)]
    assert made.times_s == pytest.approx([time_s - original[0] for time_s in original], abs=0.0011)
    copied = list(FrameReader(made.path))
    assert [frame.pts_s for frame in copied] == pytest.approx(made.times_s, abs=0.0011)
    for frame, grey in zip(copied, range(0, 96, 8), strict=True):
        assert abs(float(frame.rgb.mean()) - grey) < 8
    before = made.path.stat().st_mtime_ns
    assert make_copy(workspace, "s", path) == made == find_copy(workspace, "s")
    assert made.path.stat().st_mtime_ns == before


def test_a_name_alone_makes_no_video_that_browsers_play(tmp_path: Path) -> None:
    write_video(tmp_path / "a.ts", FRAMES, VIDEOS["a.ts"])
    (tmp_path / "a.ts").rename(tmp_path / "a.mp4")
    assert original_if_playable(tmp_path / "a.mp4") is None


def test_a_copy_is_no_larger_than_needed_and_has_even_sides(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", [np.zeros((722, 2402, 3), np.uint8)] * 2, codec="ffv1")
    made = make_copy(Workspace(tmp_path), "s", path)
    height, width = next(iter(FrameReader(made.path))).rgb.shape[:2]
    assert (width, height) == (COPY_SIDE_PX, 288)


def test_a_copy_without_its_table_does_not_count(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.avi", FRAMES, codec="mpeg4")
    workspace = Workspace(tmp_path)
    made = make_copy(workspace, "s", path)
    made.path.with_suffix(".json").unlink()
    assert find_copy(workspace, "s") is None
    assert make_copy(workspace, "s", path).times_s == made.times_s


def test_what_is_no_video_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.avi"):
        (tmp_path / name).write_bytes(b"no video")
    with pytest.raises(InputError, match="cannot be opened as a video"):
        original_if_playable(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="cannot be decoded"):
        make_copy(Workspace(tmp_path), "s", tmp_path / "a.avi")
    assert list(Workspace(tmp_path).playable.iterdir()) == []
