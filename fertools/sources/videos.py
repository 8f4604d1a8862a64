"""Read the frames of a video forward and upright, each with its exact presentation time.

PyAV decodes. Times come from the container, never from a frame rate, so a variable frame rate is exact. The stream, the
orientation and the times are those of the `ffmpeg` program. See `docs/decisions/0002-pyav-decodes.md` and
`docs/decisions/0013-geometry-and-time.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.format import VideoFormat
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import FertoolsError, InputError, first_line
from fertools.core.explain import raise_of_machine
from fertools.sources.grey_range import GreyRange
from fertools.sources.orientation import Orientation
from fertools.sources.sampling import FrameSampler, Sampling

# From version 19, PyAV reads text that is no UTF-8 without being told to.
_LENIENT: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
_THREADS = dict.fromkeys(("h264", "hevc", "vp9", "mpeg4"), "AUTO") | {"vp8": "NONE"}
"""What decoding threads share. AUTO is whole frames, which is fastest; the default, SLICE, is the parts of a frame.
With whole frames, FFmpeg hides that the last ones are damaged, and before version 8.1 it also loses good ones before
them. With parts of frames it loses frames of VP8."""
CUT_OFF_S = 1.0
"""Seconds that may be missing at the end, because containers round and count the last frame differently."""


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: number in decoding order from 0, counting every frame.
        pts_s: presentation time in seconds, later than that of the frame before; None if the container has no times.
        rgb: (H, W, 3) uint8, upright. In some videos the size changes between frames.
    """

    index: int
    pts_s: float | None
    rgb: NDArray[np.uint8]


class BrokenVideoError(InputError):
    """Decoding stopped in the middle, or the end is missing; the earlier frames were good."""


class FrameReader:
    """Reads the frames of one video. Each iteration begins again at the first frame.

    Args:
        path: file with at least one video stream; of several streams, the one that `ffmpeg` chooses is read.
        sampling: frames to yield; None for all. Frames between them are decoded but not converted, which is much
            faster. Nothing is decoded after the last chosen frame.
        threads: number of decoding threads; 0 lets FFmpeg choose.
        grey_range: which values of grey frames of more than 8 bits become black and white; all values if None.
        heartbeat: called for every decoded frame.

    Attributes:
        decoded: number of frames decoded so far in the latest iteration, yielded or not.
        share: share of the wanted part that was read in the latest iteration, from 0 to 1.
        remark: the stream that was read, if there was a choice; else None.

    Iterating raises:
        InputError: the file cannot be opened, is not a video, has no video stream, or has no times although
            `sampling` needs them.
        BrokenVideoError: decoding failed after at least one good frame, or the file is truncated.
    """

    def __init__(
        self,
        path: Path,
        *,
        sampling: Sampling | None = None,
        threads: int = 0,
        grey_range: GreyRange | None = None,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.sampling = sampling or Sampling()
        self.threads = threads
        self.grey_range = grey_range
        self.heartbeat = heartbeat
        self.decoded = 0
        self.share = 0.0
        self.remark: str | None = None

    def _refuse_cut_off(self, stream: av.VideoStream, end_s: Fraction | None) -> None:
        """Raise BrokenVideoError if frames are missing at the end, which some containers hide from the decoder."""
        stated_s = _stated_end_s(stream)
        # A single frame can be the cover of a song, whose duration is that of the song.
        if self.decoded > 1 and end_s is not None and stated_s is not None and stated_s - end_s > CUT_OFF_S:
            raise BrokenVideoError(
                f"{self.path} ends at {float(end_s):.1f} s and says that it lasts until {float(stated_s):.1f} s; "
                f"it was cut off"
            )

    def __iter__(self) -> Iterator[Frame]:
        self.decoded, self.share = 0, 0.0
        try:
            with open_video(self.path) as container:
                stream = choose_stream(container)
                self.remark = _remark(container, stream)
                yield from self._frames(container, stream)
        except FertoolsError:
            raise
        # PyAV raises more than errors of FFmpeg for some files, such as UnicodeError and ValueError.
        except Exception as error:
            # FFmpeg requests as much memory as a damaged header says, so this is no limit of the machine.
            if isinstance(error, OSError) or not isinstance(error, av.error.FFmpegError):
                raise_of_machine(error, self.path)
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {first_line(error)}"
            if self.decoded:
                raise BrokenVideoError(
                    f"decoding of {self.path} stopped after frame {self.decoded - 1} ({reason})"
                ) from error
            if isinstance(error, OSError):
                raise InputError(f"cannot read {self.path}: {reason}") from error
            raise InputError(f"{self.path} cannot be decoded as a video ({reason})") from error
        if not self.decoded:
            raise InputError(f"{self.path} holds no frame that can be decoded")

    def _frames(self, container: InputContainer, stream: av.VideoStream) -> Iterator[Frame]:
        sampler = FrameSampler(self.sampling)
        guessed = container.format.name == "avi" and stream.codec_context.name == "h264"
        clock = _Clock(stream, by_decoding=guessed)
        # One for all frames: creating one takes longer than converting a frame of 1080p to RGB.
        reformatter = VideoReformatter()
        set_threads(stream, self.threads)
        end_s: Fraction | None = None
        for index, frame in enumerate(self._decode(container, stream)):
            self.heartbeat()
            time_s = clock.time_s(frame)
            if time_s is not None and self.sampling.end_s is not None:
                self.share = max(self.share, min(1.0, float(time_s / self.sampling.end_s)))
            if index == 0 and time_s is None and self.sampling.needs_times:
                raise InputError(f"{self.path} states no times for its frames; use {argument('every')} instead")
            if self.sampling.is_over(index, time_s):
                self.decoded = index + 1
                return
            picture = None
            if sampler.wants(index, time_s):
                rgb = upright(frame, reformatter, self.grey_range)
                picture = Frame(index, None if time_s is None else float(time_s), rgb)
            self.decoded = index + 1
            if picture is not None:
                yield picture
            end_s = None if time_s is None else time_s + (frame.duration or 0) * clock.tick_s
        self._refuse_cut_off(stream, end_s)

    def _decode(self, container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        # The position in the file gives the progress, because many recordings have no stated duration.
        size = max(1, container.size)
        for packet in container.demux(stream):
            if packet.pos is not None:
                self.share = max(self.share, min(1.0, packet.pos / size))
            # In some formats an empty packet stands for a repeated frame; for the decoder it would be the end.
            if packet.size:
                yield from stream.decode(packet)
        yield from stream.decode(None)


def open_video(path: Path) -> InputContainer:
    """Return an opened file; metadata in an unknown encoding is read as far as possible.

    Raises:
        av.error.FFmpegError: it cannot be opened, or is no video.
    """
    container: InputContainer = av.open(str(path), "r", **_LENIENT)
    return container


def choose_stream(container: InputContainer) -> av.VideoStream:
    """Return the video stream that the `ffmpeg` program chooses.

    It is the stream with the most pixels. A stream marked as default counts as five million pixels more. A cover
    picture is chosen only if there is nothing else. The first of equal streams is chosen.

    Raises:
        InputError: there is none, or none that can be decoded.

    Source: `map_auto_video` in FFmpeg's `fftools/ffmpeg_mux_init.c`.
    """
    if not container.streams.video:
        raise InputError(f"{container.name} has no video stream")
    # PyAV has no context for a codec without a decoder on this machine.
    known = [stream for stream in container.streams.video if stream.codec_context is not None]
    if not known:
        raise InputError(f"{container.name} has no video stream of a known codec; convert it, to H.264 for example")
    return max(known, key=_stream_score)


def set_threads(stream: av.VideoStream, count: int = 0) -> None:
    """Set the number of decoding threads, 0 for FFmpeg's choice, and what they share; before the first frame."""
    stream.thread_type = _THREADS.get(stream.codec_context.name, "SLICE")
    stream.codec_context.thread_count = count


def _stream_score(stream: av.VideoStream) -> int:
    if is_cover(stream):
        return 1
    is_default = bool(stream.disposition & Disposition.default)
    return stream.codec_context.width * stream.codec_context.height + 5_000_000 * is_default


def is_cover(stream: av.VideoStream) -> bool:
    """Return whether a stream is a cover picture of the file, not a video."""
    return bool(stream.disposition & Disposition.attached_pic)


def _remark(container: InputContainer, chosen: av.VideoStream) -> str | None:
    """Return which stream is read, if there is more than one video stream."""
    count = sum(not is_cover(stream) for stream in container.streams.video)
    if count < 2:
        return None
    context = chosen.codec_context
    return f"of its {count} video streams, stream {chosen.index} ({context.width} x {context.height}) was read"


class _Clock:
    """Presentation times of the frames of a stream, in ascending order.

    Args:
        stream: the decoded stream.
        by_decoding: use decoding times. AVI has no presentation times, and for H.264 in AVI FFmpeg guesses times that
            are not in order. Decoding times are in order, because frames leave the decoder in display order.
    """

    def __init__(self, stream: av.VideoStream, *, by_decoding: bool) -> None:
        self._by_decoding = by_decoding
        self.tick_s = stream.time_base or Fraction(0)
        rate = stream.average_rate or stream.guessed_rate or 25
        self._usual_ticks = max(1, round(1 / (rate * self.tick_s))) if self.tick_s else 1
        self._last: int | None = None
        self._next: int | None = None

    def time_s(self, frame: av.VideoFrame) -> Fraction | None:
        """Return the time of the next frame; the end of the frame before if no time or an earlier one is stated."""
        ticks = frame.dts if self._by_decoding or frame.pts is None else frame.pts
        if ticks is None or (self._last is not None and ticks <= self._last):
            ticks = self._next
        if ticks is None:
            return None
        self._last, self._next = ticks, ticks + (frame.duration or self._usual_ticks)
        return ticks * self.tick_s


def _stated_end_s(stream: av.VideoStream) -> Fraction | None:
    """Return the stated end of the last frame in seconds; Matroska states it as text."""
    start = (stream.start_time or 0) * (stream.time_base or 0)
    if stream.duration is not None and stream.time_base is not None:
        return start + stream.duration * stream.time_base
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return None if match is None else int(match[1]) * 3600 + int(match[2]) * 60 + Fraction(match[3])


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the orientation of a frame."""
    matrix = cast(SideDataContainer, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    return Orientation() if matrix is None else Orientation.of_matrix(np.frombuffer(matrix, np.int32).reshape(3, 3))


def is_wide_video(path: Path) -> bool:
    """Return whether a video has grey values of more than 8 bits; False for a file that cannot be opened."""
    try:
        with open_video(path) as container:
            return _is_wide(choose_stream(container).codec_context.format)
    except Exception:  # the error of the file is reported when it is read
        return False


def _is_wide(pixels: VideoFormat | None) -> bool:
    return pixels is not None and re.fullmatch(r"gray(9|1\d)[lb]e", pixels.name) is not None


def _stored_values(frame: av.VideoFrame) -> NDArray[np.uint16]:
    """Return the values of a grey frame of more than 8 bits, (H, W), as stored: FFmpeg would scale them to 16 bits."""
    plane = frame.planes[0]
    word = np.dtype(">u2" if frame.format.is_big_endian else "<u2")
    words = np.frombuffer(memoryview(plane), word).reshape(-1, plane.line_size // 2)
    return words[: frame.height, : frame.width].astype(np.uint16)


def upright(
    frame: av.VideoFrame, reformatter: VideoReformatter, grey_range: GreyRange | None = None
) -> NDArray[np.uint8]:
    """Return a decoded frame as (H, W, 3) uint8 RGB, upright.

    Args:
        frame: decoded frame.
        reformatter: converts all other pixel formats; one can serve many frames.
        grey_range: see `FrameReader`.
    """
    if grey_range is not None and _is_wide(frame.format):
        grey = grey_range.to_8_bits(_stored_values(frame).astype(np.float64))
        return orientation_of(frame).apply(np.repeat(grey[..., None], 3, axis=2))
    # One thread, because threads of the reformatter stay alive, and workers have a fixed number of threads.
    rgb = np.asarray(reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray(), dtype=np.uint8)
    return orientation_of(frame).apply(rgb)
