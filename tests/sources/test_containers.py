"""Every container and codec that Debian's ffmpeg writes: geometry and times are those that ffmpeg and ffprobe state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.sources.videos import FrameReader
from tests.sources.ffmpeg import first_frame, make, probe

SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4")
UNEVEN = ("-vf", "select='not(eq(mod(n,5),2))'", "-vsync", "vfr")
"""Frames are left out, so that those before are shown twice as long."""
LATE = ("-output_ts_offset", "3.5")


class Case(NamedTuple):
    """A file and how ffmpeg makes it."""

    name: str
    arguments: tuple[str, ...]


def _h264(b_frames: int) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "ultrafast", "-bf", str(b_frames))


CASES = [
    *[Case(f"h264.{suffix}", _h264(0)) for suffix in ("mp4", "mov", "mkv", "ts", "flv", "3gp", "avi")],
    *[Case(f"b-frames.{suffix}", _h264(2)) for suffix in ("mp4", "mov", "mkv", "ts", "flv", "3gp", "avi", "mts")],
    *[Case(f"uneven.{suffix}", (*UNEVEN, *_h264(2))) for suffix in ("mp4", "mkv", "ts", "flv", "avi")],
    *[Case(f"late.{suffix}", (*_h264(2), *LATE)) for suffix in ("mp4", "mkv", "ts", "flv", "avi")],
    Case("fragments.mp4", (*_h264(2), "-movflags", "frag_keyframe+empty_moov")),
    Case("no-edit-list.mp4", (*_h264(2), "-use_editlist", "0")),
    Case("negative.mov", (*_h264(2), "-movflags", "negative_cts_offsets")),
    Case("hevc.mp4", ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")),
    *[Case(f"mpeg4.{suffix}", ("-c:v", "mpeg4", "-bf", "2")) for suffix in ("mp4", "avi", "m4v")],
    *[Case(f"mpeg2.{suffix}", ("-c:v", "mpeg2video", "-bf", "2")) for suffix in ("mpg", "ts", "vob", "avi", "mxf")],
    *[Case(f"mpeg1.{suffix}", ("-c:v", "mpeg1video", "-bf", "2")) for suffix in ("mpg", "avi")],
    Case("late.mpg", ("-c:v", "mpeg2video", "-bf", "2", *LATE)),
    *[Case(f"vp8-{name}.webm", ("-c:v", "libvpx", *more)) for name, more in (("even", ()), ("uneven", UNEVEN))],
    *[Case(f"vp9-{name}.webm", ("-c:v", "libvpx-vp9", *more)) for name, more in (("even", ()), ("late", LATE))],
    Case("av1.mkv", ("-c:v", "libaom-av1", "-cpu-used", "8")),
    *[Case(f"{name}.wmv", ("-c:v", "wmv2", *more)) for name, more in (("even", ()), ("uneven", UNEVEN))],
    Case("wmv1.asf", ("-c:v", "wmv1")),
    Case("sorenson.flv", ("-c:v", "flv")),
    Case("h263.3gp", ("-vf", "scale=128:96", "-c:v", "h263")),
    *[Case(f"{name}.gif", more) for name, more in (("even", ()), ("uneven", UNEVEN))],
    Case("theora.ogv", ("-c:v", "libtheora")),
    Case("mjpeg.avi", ("-c:v", "mjpeg")),
    Case("ffv1.mkv", ("-c:v", "ffv1")),
    Case("prores.mov", ("-c:v", "prores")),
    Case("plain.y4m", ()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_frames_are_those_of_ffprobe(tmp_path: Path, case: Case) -> None:
    path = make(tmp_path / case.name, *SOURCE, *case.arguments)
    frames, stated = list(FrameReader(path)), probe(path)
    assert [frame.rgb.shape[1::-1] for frame in frames] == [(one.width, one.height) for one in stated]
    times = np.array([frame.pts_s for frame in frames], np.float64)
    assert np.isfinite(times).all()
    assert (np.diff(times) > 0).all()
    # Of some frames, the last of a stream mostly, ffprobe states no time.
    known = np.array([one.time_s is not None for one in stated])
    assert known.sum() >= len(stated) - 2
    np.testing.assert_allclose(times[known], [one.time_s for one in stated if one.time_s is not None], atol=1e-5)
    if "late" in case.name:
        assert times[0] > 3


def test_the_cases_are_of_all_kinds(tmp_path: Path) -> None:
    """A late file begins late, an uneven one has steps of two lengths, and one with B-frames has B-frames."""
    uneven = [frame.pts_s for frame in FrameReader(make(tmp_path / "a.mp4", *SOURCE, *UNEVEN, *_h264(2)))]
    assert len(set(np.diff(np.array(uneven, np.float64)).round(3))) == 2
    stored = make(tmp_path / "b.mp4", *SOURCE, *_h264(2))
    with av.open(str(stored)) as container:
        ticks = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert ticks != sorted(ticks)


def test_times_that_go_back_or_are_missing_go_on_from_the_frame_before(tmp_path: Path) -> None:
    """Two recordings joined as they are, whose second begins its times anew, and H.264 where MPEG-1 is expected."""
    first = make(tmp_path / "a.ts", *SOURCE, *_h264(0))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() * 2)
    for path in (joined, make(tmp_path / "a.mpg", *SOURCE, *_h264(2))):
        times = [frame.pts_s for frame in FrameReader(path)]
        assert len(times) == 20 if path == joined else 10
        np.testing.assert_allclose(np.diff(np.array(times, np.float64)), 0.04, atol=1e-6)


LARGE, SMALL = ("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=0.4"), ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4")
COVER = ("-f", "lavfi", "-i", "color=red:s=200x200:d=0.04:r=25")
STREAMS = [
    # name, inputs, options, remark
    ("cover-first.mp4", (COVER, SMALL), ("-c:v:0", "png", "-disposition:v:0", "attached_pic"), None),
    ("cover-last.mp4", (SMALL, COVER), ("-c:v:1", "png", "-disposition:v:1", "attached_pic"), None),
    ("cover-first.mkv", (COVER, SMALL), ("-disposition:v:0", "0", "-disposition:v:1", "default"), "stream 1 (64 x 48)"),
    ("small-first.mkv", (SMALL, LARGE), ("-disposition:v", "0"), "stream 1 (96 x 64)"),
    ("large-first.mkv", (LARGE, SMALL), ("-disposition:v", "0"), "stream 0 (96 x 64)"),
    ("marked.mkv", (LARGE, SMALL), ("-disposition:v:0", "0", "-disposition:v:1", "default"), "stream 1 (64 x 48)"),
    ("first-is-default.mp4", (SMALL, LARGE), (), "stream 0 (64 x 48)"),
    ("equal.mkv", (SMALL, SMALL), ("-disposition:v", "0"), "stream 0 (64 x 48)"),
    ("with-data.mov", (SMALL,), ("-timecode", "00:00:00:00"), None),
]


@pytest.mark.parametrize(("name", "inputs", "options", "remark"), STREAMS, ids=[case[0] for case in STREAMS])
def test_of_several_streams_the_one_is_read_that_ffmpeg_takes(
    tmp_path: Path, name: str, inputs: tuple[tuple[str, ...], ...], options: tuple[str, ...], remark: str | None
) -> None:
    maps = [word for number in range(len(inputs)) for word in ("-map", str(number))]
    given = [word for one in inputs for word in one]
    path = make(tmp_path / name, *given, *maps, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p", *options)
    reader = FrameReader(path)
    frames = list(reader)
    assert len(frames) == 10
    expected = first_frame(path)
    assert frames[0].rgb.shape == expected.shape
    assert np.abs(frames[0].rgb.astype(int) - expected).mean() < 3
    assert (reader.remark is None) == (remark is None)
    if remark is not None:
        assert reader.remark == f"of its 2 video streams, {remark} was read"


def test_a_stream_of_an_unknown_codec_is_passed_over(tmp_path: Path) -> None:
    both = make(tmp_path / "a.mov", *LARGE, *SMALL, "-map", "0", "-map", "1", "-c:v:0", "libx264", "-c:v:1", "mpeg4")
    alone = make(tmp_path / "b.mov", *LARGE, "-c:v", "libx264")
    for path in (both, alone):
        path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert next(iter(FrameReader(both))).rgb.shape == (48, 64, 3)
    with pytest.raises(InputError, match="no video stream of a known codec"):
        list(FrameReader(alone))


def test_a_piece_of_music_shows_its_cover(tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=d=3")
    options = ("-map", "0", "-map", "1", "-c:v", "png", "-disposition:v:0", "attached_pic")
    reader = FrameReader(make(tmp_path / "a.m4a", *sound, *COVER, *options))
    assert [frame.rgb.shape for frame in reader] == [(200, 200, 3)]
    assert reader.remark is None


def test_metadata_that_is_no_utf_8_does_not_stop_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    title = os.fsdecode(b"title=caf\xe9")
    make(path, "-f", "lavfi", "-i", "testsrc=duration=0.2:size=64x48:rate=10", "-metadata", title)
    assert b"caf\xe9" in path.read_bytes()
    assert len(list(FrameReader(path))) == 2
