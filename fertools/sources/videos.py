"""The frames of a video, forward only, upright, each with its true presentation time.

PyAV decodes. Times come from the container, never from a frame rate, so variable-rate video is exact.
Rotation metadata is applied. See `docs/decisions/0002-pyav-decodes.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.sources.sampling import Picker, Sampling


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
    """Decoding stopped in the middle; the frames before were good."""


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

    Iterating raises:
        InputError: the file cannot be opened, is not a video, has no video stream, or states no times where
            `sampling` goes by them.
        BrokenVideoError: decoding failed after at least one good frame.
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

    def __iter__(self) -> Iterator[Frame]:
        self.decoded = 0
        picker = Picker(self.sampling)
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.path} has no video stream")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = self.threads
                for index, frame in enumerate(container.decode(stream)):
                    self.pulse()
                    time_s = _time_s(frame)
                    if index == 0 and time_s is None and self.sampling.needs_times:
                        raise InputError(f"{self.path} states no times for its frames; use --every instead")
                    if self.sampling.is_over(index, time_s):
                        self.decoded = index + 1
                        break
                    wanted = picker.wants(index, time_s)
                    picture = Frame(index, frame.time, _upright(frame)) if wanted else None
                    self.decoded = index + 1
                    if picture is not None:
                        yield picture
        except av.error.FFmpegError as error:
            if self.decoded:
                raise BrokenVideoError(
                    f"decoding of {self.path} stopped after frame {self.decoded - 1} ({error.strerror})"
                ) from error
            raise InputError(f"{self.path} cannot be decoded as a video ({error.strerror})") from error
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error
        if not self.decoded:
            raise InputError(f"{self.path} holds no frame that can be decoded")


def _time_s(frame: av.VideoFrame) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    rgb = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    # FFmpeg states the counter-clockwise turn that makes the picture upright, as numpy's rot90 counts.
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
