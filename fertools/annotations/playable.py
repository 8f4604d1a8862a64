"""Playable videos for browsers: the file itself if browsers play it, else a copy; and the times of its frames.

Frames have the numbers of the manifest. The browser reports the media time that it shows, and `times_s` maps it to a
frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from fertools.core import files, products
from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.sources.animations import read_video
from fertools.sources.archives.opened import local_file, split_member
from fertools.sources.grey_range import PER_IMAGE
from fertools.sources.videos import (
    BrokenVideoError,
    Frame,
    choose_stream,
    is_cover,
    open_video,
    orientation_of,
)

COPY_SIDE_PX = 960
"""Maximum longer side of a copy in pixels, which browsers decode without dropping frames."""
_TICKS = Fraction(1, 1000)
_PLAYED = {".mp4": {"h264", "av1", "vp9"}, ".m4v": {"h264"}, ".webm": {"vp8", "vp9", "av1"}}


@dataclass(frozen=True)
class Playable:
    """A file that a browser plays.

    Attributes:
        path: path of the file.
        media_type: media type of the file.
        times_s: media time of each frame in seconds, from frame 0.
    """

    path: Path
    media_type: str
    times_s: list[float]


def original_if_playable(path: Path) -> Playable | None:
    """Return the original video if browsers play its container and codec, else None.

    Raises:
        InputError: the file cannot be opened as a video.
    """
    codecs = _PLAYED.get(path.suffix.lower())
    if codecs is None or split_member(path) is not None:
        return None
    with reading(path, "cannot be opened as a video"), open_video(path) as container:
        stream = choose_stream(container)
        # The content counts, too: no browser plays MPEG-TS under the name of an MP4.
        if container.format.name.split(",")[0] != ("matroska" if path.suffix.lower() == ".webm" else "mov"):
            return None
        context = stream.codec_context
        # Browsers play the first stream; all rotate it as the file says, but not all mirror it.
        if stream != container.streams.video[0] or not all(map(is_cover, container.streams.video[1:])):
            return None
        # Browsers support 8 bits with 4:2:0 chroma; they refuse other kinds of H.264 or show them incorrectly.
        if context.name.removeprefix("lib") not in codecs | {"dav1d"} or context.pix_fmt not in (
            "yuv420p",
            "yuvj420p",
        ):
            return None
        frames: list[av.VideoFrame] = []
        ticks: list[int] = []
        for packet in container.demux(stream):
            # The first frame gives the orientation; some decoders return it only after the last packet.
            frames = frames or stream.decode(packet)
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    return None
                ticks.append(packet.pts)
        if not frames or not orientation_of(frames[0]).is_quarter_turn or stream.time_base is None:
            return None
        times_s = [float(tick * stream.time_base) for tick in sorted(ticks)]
        media_type = "video/webm" if path.suffix.lower() == ".webm" else "video/mp4"
        return Playable(path, media_type, times_s)


def copy_paths(workspace: Workspace, source_id: str) -> tuple[Path, Path]:
    """Return the path of the copy of a source, and the path of the table of its frame times."""
    suffix, _, _ = _encoder()
    return workspace.playable / f"{source_id}{suffix}", workspace.playable / f"{source_id}.json"


def find_copy(workspace: Workspace, source_id: str) -> Playable | None:
    """Return the copy of a source, or None if there is none."""
    video, table = copy_paths(workspace, source_id)
    if not (video.is_file() and table.is_file()):
        return None
    try:
        times_s = [float(time_s) for time_s in json.loads(table.read_bytes())["times_s"]]
    except (KeyError, TypeError, ValueError):
        # A damaged table: the copy is made again.
        return None
    return Playable(video, _encoder()[2], times_s)


def make_copy(
    workspace: Workspace, source_id: str, path: Path, *, advance: Callable[[int], None] = lambda done: None
) -> Playable:
    """Return the playable copy of a video, making it if necessary; it has every frame of the video.

    Times begin at zero. A truncated video is copied as far as it can be read.

    Args:
        workspace: the workspace of the copy.
        source_id: identifier of the video.
        path: path of the video.
        advance: called with the number of written frames.

    Raises:
        InputError: the file cannot be read as a video.
        StorageError: the disk is full or cannot be written.
    """
    if (found := find_copy(workspace, source_id)) is not None:
        return found
    video, table = copy_paths(workspace, source_id)
    with reading(path, "cannot be converted for the browser"), files.replacing(video) as temporary:
        with local_file(path) as file:
            times_s = _encode(file, temporary, advance)
        products.mark(workspace.playable)
    # The copy is complete once its table exists, so the table is written last.
    files.write_json(table, {"times_s": times_s})
    return Playable(video, _encoder()[2], times_s)


def _encoder() -> tuple[str, str, str]:
    """Return the suffix, the encoder and the media type of copies, which every browser plays and this FFmpeg writes."""
    if "libvpx" in av.codecs_available:
        return ".webm", "libvpx", "video/webm"
    return ".mp4", "libx264", "video/mp4"


def _encode(path: Path, target: Path, advance: Callable[[int], None]) -> list[float]:
    _, encoder, _ = _encoder()
    options = {"deadline": "realtime", "cpu-used": "8", "crf": "10"} if encoder == "libvpx" else {"preset": "veryfast"}
    times_s: list[float] = []
    with av.open(str(target), "w") as container:
        stream: av.VideoStream | None = None
        for frame in _frames(path):
            picture = _picture(frame, stream)
            if stream is None:
                stream = cast(av.VideoStream, container.add_stream(encoder, rate=1000, options=options))
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
                stream.time_base = stream.codec_context.time_base = _TICKS
                stream.codec_context.gop_size = 25
                stream.bit_rate = 4_000_000
                first_s = frame.pts_s or 0.0
            # Containers round to milliseconds; consecutive frames must not share one.
            tick = max(round(((frame.pts_s or 0.0) - first_s) * 1000), round(times_s[-1] * 1000) + 1 if times_s else 0)
            picture.pts, picture.time_base = tick, _TICKS
            times_s.append(tick / 1000)
            container.mux(stream.encode(picture))
            advance(len(times_s))
        if stream is not None:
            container.mux(stream.encode())
    return times_s


def _frames(path: Path) -> Iterator[Frame]:
    # The whole range of 16 bits would show most thermal videos as one grey.
    reader = read_video(path, grey_range=PER_IMAGE)
    try:
        yield from reader
    except BrokenVideoError:
        # The frames so far are valid, and the sources table says that the rest is missing.
        return


def _picture(frame: Frame, stream: av.VideoStream | None) -> av.VideoFrame:
    """Return a frame for the encoder, in the size of its stream if there is one."""
    height, width = frame.rgb.shape[:2]
    scale = min(1.0, COPY_SIDE_PX / max(height, width))
    # 4:2:0 chroma needs even sides.
    even_width, even_height = (max(2, round(side * scale / 2) * 2) for side in (width, height))
    if stream is not None:
        even_width, even_height = stream.width, stream.height
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.rgb), format="rgb24")
    return picture.reformat(width=even_width, height=even_height, format="yuv420p")
