from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.sources.sampling import Sampling
from fertools.sources.videos import BrokenVideoError, FrameReader
from tests.conftest import write_clip
from tests.sources.formats import write_animation


def _frames(count: int, height: int = 48, width: int = 64) -> list[NDArray[np.uint8]]:
    """A white bar that moves 2 px a frame over a ramp."""
    frames = []
    for number in range(count):
        frame = np.repeat(np.linspace(0, 200, width).astype(np.uint8)[None, :, None], 3, axis=2).repeat(height, axis=0)
        frame[:, 2 * number % width : 2 * number % width + 4] = 255
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("mov", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx"), ("avi", "mpeg4"), ("gif", "gif")],
)
def test_every_container_gives_all_frames(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", _frames(10), codec=codec)
    frames = list(FrameReader(path))
    assert [frame.index for frame in frames] == list(range(10))
    assert all(frame.rgb.shape == (48, 64, 3) and frame.rgb.dtype == np.uint8 for frame in frames)


def test_pixels_equal_a_second_decoder(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", _frames(6), codec="ffv1")
    capture = cv2.VideoCapture(str(path))
    for frame in FrameReader(path):
        _, bgr = capture.read()
        np.testing.assert_array_equal(frame.rgb, bgr[..., ::-1])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_of_variable_rate_video_are_exact(tmp_path: Path, suffix: str) -> None:
    times_ms = [0, 11, 100, 189, 200, 270, 281, 370]
    path = write_clip(tmp_path / f"a.{suffix}", _frames(8), times_ms=times_ms)
    assert [frame.pts_s for frame in FrameReader(path)] == pytest.approx([time / 1000 for time in times_ms], abs=1e-6)


def test_every_skips_but_counts(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", _frames(10), codec="ffv1")
    whole = {frame.index: frame for frame in FrameReader(path)}
    thin = list(FrameReader(path, sampling=Sampling(every=4)))
    assert [frame.index for frame in thin] == [0, 4, 8]
    for frame in thin:
        assert frame.pts_s == whole[frame.index].pts_s
        np.testing.assert_array_equal(frame.rgb, whole[frame.index].rgb)


def _rule(times_ms: list[int], fps: Fraction, start_ms: int = 0, end_ms: int = 10**9) -> list[int]:
    """The rule in whole milliseconds, written a second way: which is the first frame in each step of time?"""
    inside = [index for index, time in enumerate(times_ms) if start_ms <= time < end_ms]
    steps = {index: (times_ms[index] - start_ms) * fps.numerator // (1000 * fps.denominator) for index in inside}
    return [index for index in inside if steps[index] not in [steps[other] for other in inside if other < index]]


@pytest.mark.parametrize("fps", ["10", "2.5", "0.5", "1000", "30000/1001"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_frames_per_second_of_variable_rate_video_are_exact(tmp_path: Path, fps: str, suffix: str) -> None:
    times_ms = [0, 11, 100, 189, 200, 270, 281, 370, 1300, 1400, 1401, 1500]
    path = write_clip(tmp_path / f"a.{suffix}", _frames(12), times_ms=times_ms)
    frames = [frame.index for frame in FrameReader(path, sampling=Sampling.of(fps=Fraction(fps)))]
    assert frames == _rule(times_ms, Fraction(fps))
    assert frames[0] == 0
    if fps == "10":
        assert frames == [0, 2, 4, 7, 8, 9, 11]


def test_a_range_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    times_ms = [0, 11, 100, 189, 200, 270, 281, 370]
    path = write_clip(tmp_path / "a.mkv", _frames(8), times_ms=times_ms)
    reader = FrameReader(path, sampling=Sampling.of(span=(0.1, 0.281)))
    assert [frame.index for frame in reader] == [2, 3, 4, 5]
    # Decoding ends with the range.
    assert reader.decoded == 7
    reader = FrameReader(path, sampling=Sampling.of(span=(0.1, 0.3), fps=10))
    assert [frame.index for frame in reader] == _rule(times_ms, Fraction(10), 100, 300) == [2, 4]
    assert not list(FrameReader(path, sampling=Sampling.of(span=(5, 6))))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fps": 0}, "`fps` is 0"),
        ({"fps": float("nan")}, "`fps` is nan"),
        ({"fps": float("inf")}, "`fps` is inf"),
        ({"fps": 5, "every": 2}, "`fps` and `every`"),
        ({"span": (5, 5)}, "`span` is from 5 to 5"),
        ({"span": (-3, 5)}, "`span`"),
        ({"span": (0, float("nan"))}, "`span`"),
        ({"every": 0}, "`every` is 0"),
    ],
)
def test_a_sampling_that_cannot_be_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Sampling.of(**values)


def test_frames_without_times_cannot_be_chosen_by_them(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.h264", _frames(3))
    assert [frame.pts_s for frame in FrameReader(path)] == [None] * 3
    with pytest.raises(InputError, match="use `every`"):
        list(FrameReader(path, sampling=Sampling.of(fps=5)))


def test_frames_between_are_counted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", _frames(10), codec="ffv1")
    reader = FrameReader(path, sampling=Sampling(every=4))
    assert [frame.index for frame in reader] == [frame.index for frame in reader] == [0, 4, 8]
    assert reader.decoded == 10


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_threads_change_no_pixel(tmp_path: Path, threads: int) -> None:
    path = write_clip(tmp_path / "a.mp4", _frames(12))
    for one, other in zip(FrameReader(path, threads=threads), FrameReader(path, threads=1), strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)


def test_a_file_cut_off_gives_the_frames_that_are_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(20)]
    path = write_clip(tmp_path / "a.mkv", noise, codec="ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reader = FrameReader(path)
    with contextlib.suppress(BrokenVideoError):
        for frame in reader:
            np.testing.assert_array_equal(frame.rgb, noise[frame.index])
    assert 5 <= reader.decoded <= 12


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize(
    "times_ms", [[0, 500, 1000, 1500, 2000, 2500], [0, 40, 80, 6000, 6040, 9000], [3000, 4000, 9000]]
)
def test_a_whole_video_is_not_called_cut_off(tmp_path: Path, suffix: str, times_ms: list[int]) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", _frames(len(times_ms)), times_ms=times_ms)
    assert len(list(FrameReader(path))) == len(times_ms)


def test_a_missing_end_is_said_after_the_frames_that_are_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(20)]
    path = write_clip(tmp_path / "a.mkv", noise, codec="ffv1", rate=5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reader = FrameReader(path)
    seen: list[int] = []
    with pytest.raises(BrokenVideoError, match=r"until 4\.0 s; it was cut off"):
        seen.extend(frame.index for frame in reader)
    assert seen == list(range(reader.decoded))
    assert reader.decoded > 5
    # Who stops before the end does not miss it.
    assert len(list(FrameReader(path, sampling=Sampling.of(span=(0, 1))))) == 5


def test_rotation_metadata_is_applied_as_a_second_decoder_does(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", _frames(3, height=48, width=64))
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_with_rotation(plain.read_bytes()))
    capture = cv2.VideoCapture(str(turned))
    _, bgr = capture.read()
    rgb = next(iter(FrameReader(turned))).rgb
    assert rgb.shape == (64, 48, 3)
    assert np.abs(rgb.astype(int) - bgr[..., ::-1]).max() <= 2


def _with_rotation(mp4: bytes) -> bytes:
    """Return an MP4 whose track header asks for a quarter turn (ISO 14496-12, matrix of `tkhd`)."""
    identity = b"".join(value.to_bytes(4, "big") for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    quarter = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000)
    )
    start = mp4.index(identity, mp4.index(b"tkhd"))
    return mp4[:start] + quarter + mp4[start + len(identity) :]


@pytest.mark.parametrize("content", [b"", b"no video at all", bytes(5000)])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mp4"):
        list(FrameReader(tmp_path / "a.mp4"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.mp4"):
        list(FrameReader(tmp_path / "gone.mp4"))


def test_a_cut_off_index_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", _frames(30))
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(InputError):
        list(FrameReader(path))


def test_a_damaged_end_is_said_with_any_number_of_threads(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    rng = np.random.default_rng(0)
    write_animation(path, list(rng.integers(0, 256, (4, 48, 64, 3), np.uint8)), "PNG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    decoded = []
    for threads in (1, 2, 8):
        reader = FrameReader(path, threads=threads)
        with pytest.raises(BrokenVideoError, match="stopped after frame 1"):
            list(reader)
        decoded.append(reader.decoded)
    assert decoded == [2, 2, 2]


def test_frames_before_damage_come_out_before_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mkv", _frames(12), codec="ffv1")
    import av

    real, count = av.VideoFrame.to_ndarray, 0

    def failing(frame: av.VideoFrame, **options: str) -> NDArray[np.uint8]:
        nonlocal count
        count += 1
        if count == 5:
            raise av.error.InvalidDataError(1, "damaged")
        return np.asarray(real(frame, format=options["format"]))

    monkeypatch.setattr("fertools.sources.videos.upright", lambda frame, *_: failing(frame, format="rgb24"))
    frames = iter(FrameReader(path))
    assert [next(frames).index for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(BrokenVideoError, match="after frame"):
        next(frames)


def test_a_sound_file_has_no_video_stream(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(InputError, match="no video stream"):
        list(FrameReader(path))


def test_names_may_hold_spaces_and_newlines(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", _frames(3), codec="ffv1")
    odd = tmp_path / "a b\nc é.mkv"
    shutil.copy(path, odd)
    assert len(list(FrameReader(odd))) == 3


def test_reading_needs_no_torch() -> None:
    program = "import sys, fertools.sources.videos, fertools.sources.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
