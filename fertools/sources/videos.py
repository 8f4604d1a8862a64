"""The frames of a video, forward only, upright, each with its true presentation time.

PyAV decodes. Times come from the container, never from a frame rate, so variable-rate video is exact.
Rotation metadata is applied. See `docs/decisions/0002-pyav-decodes.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.sources.sampling import Picker, Sampling

CUT_OFF_S = 1.0
"""Seconds that may be missing at the end; containers round, and count the length of the last frame differently."""


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: its number in decoding order, from 0, every frame counted.
        pts_s: presentation time in seconds; None where the container states none.
        rgb: (H, W, 3) uint8, upright.
    """

    index: int
    pts_s: float | None
    rgb: NDArray[np.uint8]


class BrokenVideoError(InputError):
    """Decoding stopped in the middle, or the end is missing; the frames before were good."""


class FrameReader:
    """The frames of one video: iterate over it once, as often as needed anew.

    Args:
        path: a file with at least one video stream; the first is read.
        sampling: which frames are wanted; all if None. Those between are decoded but not converted, which is much
            cheaper, and nothing is decoded after the last wanted one.
        threads: decoding threads; 0 lets FFmpeg choose.
        pulse: called for every frame decoded, wanted or not.

    Attributes:
        decoded: frames decoded so far in the latest iteration, those between the yielded ones too.
        share: how much of what is wanted was read in the latest iteration, from 0 to 1.

    Iterating raises:
        InputError: the file cannot be opened, is not a video, has no video stream, or states no times where
            `sampling` goes by them.
        BrokenVideoError: decoding failed after at least one good frame, or the file was cut off.
    """

    def __init__(
        self,
        path: Path,
        *,
        sampling: Sampling | None = None,
        threads: int = 0,
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.sampling = sampling or Sampling()
        self.threads = threads
        self.pulse = pulse
        self.decoded = 0
        self.share = 0.0

    def _refuse_cut_off(self, stream: av.VideoStream, end_s: Fraction | None) -> None:
        """Raise BrokenVideoError if frames are missing at the end, which some containers hide from the decoder."""
        stated_s = _stated_end_s(stream)
        # A single frame can be the cover of a piece of music, which lasts as long as that.
        if self.decoded > 1 and end_s is not None and stated_s is not None and stated_s - end_s > CUT_OFF_S:
            raise BrokenVideoError(
                f"{self.path} ends at {float(end_s):.1f} s and says that it lasts until {float(stated_s):.1f} s; "
                f"it was cut off"
            )

    def __iter__(self) -> Iterator[Frame]:
        self.decoded, self.share = 0, 0.0
        picker = Picker(self.sampling)
        # One for all frames: making one takes longer than turning a frame of 1080p into RGB with it.
        reformatter = VideoReformatter()
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.path} has no video stream")
                stream = container.streams.video[0]
                if getattr(stream, "codec_context", None) is None:
                    raise InputError(f"{self.path} holds video of a kind that FFmpeg cannot decode")
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = self.threads
                end_s: Fraction | None = None
                for index, frame in enumerate(self._decode(container, stream)):
                    self.pulse()
                    time_s = _time_s(frame)
                    if time_s is not None and self.sampling.end_s is not None:
                        self.share = max(self.share, min(1.0, float(time_s / self.sampling.end_s)))
                    if index == 0 and time_s is None and self.sampling.needs_times:
                        raise InputError(f"{self.path} states no times for its frames; use --every instead")
                    if self.sampling.is_over(index, time_s):
                        self.decoded = index + 1
                        break
                    wanted = picker.wants(index, time_s)
                    picture = Frame(index, frame.time, _upright(frame, reformatter)) if wanted else None
                    self.decoded = index + 1
                    if picture is not None:
                        yield picture
                    end_s = None if time_s is None else time_s + (frame.duration or 0) * (frame.time_base or 0)
                else:
                    self._refuse_cut_off(stream, end_s)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError) and not self.decoded:
                raise InputError(f"cannot read {self.path}: {error.strerror}") from error
            if self.decoded:
                raise BrokenVideoError(
                    f"decoding of {self.path} stopped after frame {self.decoded - 1} ({error.strerror})"
                ) from error
            raise InputError(f"{self.path} cannot be decoded as a video ({error.strerror})") from error
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error
        if not self.decoded:
            raise InputError(f"{self.path} holds no frame that can be decoded")

    def _decode(self, container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        # How far it is is told by the place in the file: many recordings do not state how long they last.
        size = max(1, container.size)
        for packet in container.demux(stream):
            if packet.pos is not None:
                self.share = max(self.share, min(1.0, packet.pos / size))
            yield from packet.decode()


def _stated_end_s(stream: av.VideoStream) -> Fraction | None:
    """Return when the container says that the last frame is over; Matroska says it in words."""
    start = (stream.start_time or 0) * (stream.time_base or 0)
    if stream.duration is not None and stream.time_base is not None:
        return start + stream.duration * stream.time_base
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return None if match is None else int(match[1]) * 3600 + int(match[2]) * 60 + Fraction(match[3])


def _time_s(frame: av.VideoFrame) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _upright(frame: av.VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    # On one thread: another's stay behind, and workers have as many threads as they were given.
    rgb = np.asarray(reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray(), dtype=np.uint8)
    # FFmpeg states the counter-clockwise turn that makes the picture upright, as numpy's rot90 counts.
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
