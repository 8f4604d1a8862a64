"""Which frames of a video are wanted: every n-th, or so many a second, and between which times.

Times are compared as the fractions that the container states, so that ten frames a second of a video at 25, 29.97
or a varying rate are the same frames on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from fertools.core.arguments import argument
from fertools.core.errors import InputError


@dataclass(frozen=True)
class Sampling:
    """Which frames are wanted.

    Attributes:
        every: every n-th frame, counted in decoding order from the video's first.
        fps: about so many frames a second: time is parted into steps of 1 / fps from the first wanted frame (or from
            `start_s`), and the first frame within each step is taken, if there is one. None takes all.
        start_s: frames shown before are left out.
        end_s: frames shown at this time or later are left out; None is the video's end.
        indices: if given, exactly the frames with these numbers, whatever else is said.
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
        """Return the sampling that the options of an ingest give.

        Args:
            every: 1 or more.
            fps: frames per second, above 0; a float is taken by its decimals, so 0.1 is a tenth.
            span: first and last second, the last left out.

        Raises:
            InputError: one of them cannot be, or both `every` and `fps` thin the frames.

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
        """Whether a video that states no presentation times cannot be sampled so."""
        return self.fps is not None or self.start_s is not None or self.end_s is not None

    def is_over(self, index: int, time_s: Fraction | None) -> bool:
        """Return whether neither this frame nor any after it is wanted."""
        if self.indices is not None:
            return index > max(self.indices, default=-1)
        return time_s is not None and self.end_s is not None and time_s >= self.end_s


class Picker:
    """Says of the frames of one video, in order, which are wanted."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._origin_s = sampling.start_s
        self._step = -1

    def wants(self, index: int, time_s: Fraction | None) -> bool:
        """Return whether a frame is wanted.

        Args:
            index: its number in decoding order.
            time_s: its presentation time in seconds; None, where the container states none, is in no range or step.
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
