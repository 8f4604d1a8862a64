"""Choose the frames of a video: every n-th frame, or N frames per second, within a time range.

Times are compared as the exact fractions of the container. So ten frames per second of a video at 25, 29.97 or
a variable rate are the same frames on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from fertools.core.arguments import argument
from fertools.core.errors import InputError


@dataclass(frozen=True)
class Sampling:
    """The frames to choose.

    Attributes:
        every: every n-th frame, counted in decoding order from the first frame of the video.
        fps: about N frames per second. Time is split into steps of 1 / fps from the first chosen frame (or from
            `start_s`), and the first frame of each step is chosen. None chooses all frames.
        start_s: frames shown earlier are left out.
        end_s: frames shown at this time or later are left out; None for the end of the video.
        indices: if given, exactly the frames with these numbers, whatever the other values are.
    """

    every: int = 1
    fps: Fraction | None = None
    start_s: Fraction | None = None
    end_s: Fraction | None = None
    indices: frozenset[int] | None = None

    @classmethod
    def of(
        cls,
        *,
        every: int = 1,
        fps: float | Fraction | None = None,
        span: tuple[float | Fraction, float | Fraction] | None = None,
    ) -> Sampling:
        """Return the sampling for options of an ingest.

        Args:
            every: 1 or more.
            fps: frames per second, above 0; a float is taken by its decimals, so 0.1 is a tenth.
            span: first and last second, the last left out.

        Raises:
            InputError: a value is invalid, or both `every` and `fps` are given.

        Example:
            >>> Sampling.of(fps=0.5, span=(10, 25.5)).end_s
            Fraction(51, 2)
        """
        if every < 1:
            raise InputError(f"{argument('every')} is {every}; give 1 or more")
        if fps is not None and every != 1:
            raise InputError(
                f"{argument('fps')} and {argument('every')} both say which frames to search; give one of them"
            )
        if fps is not None and not 0 < fps < math.inf:
            raise InputError(
                f"{argument('fps')} is {fps}; give a number of frames per second above 0, such as 10 or 0.5"
            )
        if span is not None and not 0 <= span[0] < span[1] < math.inf:
            raise InputError(
                f"{argument('span')} is from {span[0]} to {span[1]}; give two times in seconds, the earlier first"
            )
        start_s, end_s = map(exact, span) if span is not None else (None, None)
        return cls(every, exact(fps) if fps is not None else None, start_s, end_s)

    @property
    def needs_times(self) -> bool:
        """Whether the sampling needs a video with presentation times."""
        return self.fps is not None or self.start_s is not None or self.end_s is not None

    def is_over(self, index: int, time_s: Fraction | None) -> bool:
        """Return whether this frame and all later frames are left out."""
        if self.indices is not None:
            return index > max(self.indices, default=-1)
        return time_s is not None and self.end_s is not None and time_s >= self.end_s


class FrameSampler:
    """Chooses frames of one video, which are passed in order."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._origin_s = sampling.start_s
        self._step = -1

    def wants(self, index: int, time_s: Fraction | None) -> bool:
        """Return whether a frame is chosen.

        Args:
            index: number of the frame in decoding order.
            time_s: presentation time of the frame in seconds. A frame without a time (None) is in no range or step.
        """
        sampling = self._sampling
        if sampling.indices is not None:
            return index in sampling.indices
        if not sampling.needs_times:
            return index % sampling.every == 0
        if time_s is None or sampling.is_over(index, time_s):
            return False
        if sampling.start_s is not None and time_s < sampling.start_s:
            return False
        if sampling.fps is None:
            return index % sampling.every == 0
        if self._origin_s is None:
            self._origin_s = time_s
        step = math.floor((time_s - self._origin_s) * sampling.fps)
        wanted, self._step = step > self._step, max(step, self._step)
        return wanted


def exact(number: float | Fraction) -> Fraction:
    """Return a number as a fraction; a float by its decimals.

    Example:
        >>> exact(0.1)
        Fraction(1, 10)
    """
    return Fraction(str(number))
