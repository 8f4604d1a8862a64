"""Where one shot ends and the next begins, so that no track crosses a cut.

Each frame is shrunk to 32 x 18 grey pixels without their mean and contrast, so that a cut in the dark counts as much as
one in the light, and a lamp that is switched on counts nothing. Then two successive frames differ by 0.3 to 1.2 at a
cut, also between two people photographed in one studio. Where everything moves all the time they differ as much, so a
cut must also stand out from the frames before it, and no shift of the whole picture may explain it.

`tests/benchmarks/bench_shots.py`, by which the bounds were set, compares this rule with others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.sources.videos import Frame

CHANGE = 0.25
"""Least difference of two frames across a cut, in units of their contrast (its standard deviation)."""
FIRST_CHANGE = 0.6
"""The same for the first two frames of a video, before which nothing says how much it moves."""
STANDS_OUT = 4.0
"""Least ratio of the difference across a cut to the median of the last `_REMEMBERED` differences."""
SHIFT_EXPLAINS = 0.5
"""Share of the difference that a shift of the picture may leave if it is to be a pan and no cut."""
FLAT, LEVEL_CHANGE = 4.0, 0.12
"""Contrast in grey levels below which a picture counts as flat; and by what share of all grey levels the means of two
flat ones differ across a cut."""

_REMEMBERED = 5
_SIDES = (32, 18)
_BRIGHT = 235
"""Grey level from which a flash may have cut off what was brighter; such pixels do not count, if a quarter is left."""
_WINDOW = cv2.createHanningWindow(_SIDES, cv2.CV_32F)

Thumbnail = NDArray[np.float32]


class CutDetector:
    """Says, frame by frame, whether a new shot has begun.

    Attributes:
        cuts: numbers of the frames of `watch` that began one.
        changes: numbers of the frames of `watch` that differ from the one before as much as across a cut: the cuts, and
            others that are cuts within much movement, or movement.
        changed: whether the latest frame is such a one.
    """

    def __init__(self) -> None:
        self.cuts: set[int] = set()
        self.changes: set[int] = set()
        self.changed = False
        self._before: Thumbnail | None = None
        self._latest: deque[float] = deque(maxlen=_REMEMBERED)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames of a video, each looked at when it has just been decoded: then it is in the cache."""
        for frame in frames:
            if self.is_cut(frame.rgb):
                self.cuts.add(frame.index)
            if self.changed:
                self.changes.add(frame.index)
            yield frame

    def is_cut(self, rgb: NDArray[np.uint8]) -> bool:
        """Return whether `rgb` (H, W, 3) begins a new shot; the first frame never does."""
        after, before = _thumbnail(rgb), self._before
        self._before = after
        self.changed = False
        if before is None:
            return False
        difference = _difference(before, after)
        self.changed = difference > CHANGE and _unshifted(before, after) >= SHIFT_EXPLAINS * difference
        bound = STANDS_OUT * median(self._latest) if self._latest else FIRST_CHANGE
        # Cuts are remembered too: after three in a row it is movement. Shots of two frames are still told apart.
        self._latest.append(difference)
        return self.changed and difference > bound


def _thumbnail(rgb: NDArray[np.uint8]) -> Thumbnail:
    # Of a large frame every so many pixels are enough for averages over thousands of them.
    height, width = rgb.shape[:2]
    step = max(1, min(height // 90, width // 160))
    some = cv2.resize(rgb, (width // step, height // step), interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(some, _SIDES, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def _difference(one: Thumbnail, other: Thumbnail) -> float:
    """Return the mean absolute difference of two pictures of one size without their means and contrasts."""
    counted = (one < _BRIGHT) & (other < _BRIGHT)
    if 4 * np.count_nonzero(counted) >= one.size:
        one, other = one[counted], other[counted]
    means, contrasts = (one.mean(), other.mean()), (one.std(), other.std())
    if max(contrasts) < FLAT:
        # There is nothing but the level to go by.
        return CHANGE / LEVEL_CHANGE * float(abs(means[1] - means[0])) / 255
    scaled = [
        (part - mean) / max(FLAT, contrast) for part, mean, contrast in zip((one, other), means, contrasts, strict=True)
    ]
    return float(np.abs(scaled[1] - scaled[0]).mean())


def _unshifted(before: Thumbnail, after: Thumbnail) -> float:
    """Return the difference that is left when one picture is shifted onto the other; infinite for too far a shift.

    Source: Kuglin and Hines, "The Phase Correlation Image Alignment Method", IEEE Cybernetics and Society, 1975.
    """
    # OpenCV multiplies what it is given by the window, in place.
    (x, y), _ = cv2.phaseCorrelate(before.copy(), after.copy(), _WINDOW)
    height, width = before.shape
    right, down = round(x), round(y)
    if abs(right) > 0.7 * width or abs(down) > 0.7 * height:
        return float("inf")
    rows, columns = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
    moved_rows, moved_columns = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
    return _difference(before[rows, columns], after[moved_rows, moved_columns])
