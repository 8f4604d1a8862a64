"""Detect the cuts between shots, so that no track crosses a cut.

Each frame is shrunk to 32 x 18 grey pixels, normalised by mean and contrast. So a cut in the dark counts as much as
one in the light, and a lamp that is switched on does not count. At a cut, two successive frames then differ by 0.3 to
1.2, also between two people photographed in one studio.

Constant movement causes equal differences. So a cut must also exceed the differences of the frames before it, and no
shift of the whole picture may explain it.

`tests/benchmarks/bench_shots.py` set the bounds and compares this rule with others.
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
"""Minimum difference of two frames across a cut, in units of their contrast (its standard deviation)."""
FIRST_CHANGE = 0.6
"""Minimum difference of the first two frames of a video, before which the movement is unknown."""
STANDS_OUT = 4.0
"""Minimum ratio of the difference across a cut to the median of the last `_REMEMBERED` differences."""
SHIFT_EXPLAINS = 0.5
"""Share of the difference that may remain after a shift if the change is a pan and no cut."""
FLAT, LEVEL_CHANGE = 4.0, 0.12
"""Contrast in grey levels below which a picture counts as flat; and the minimum difference of the means of two flat
pictures across a cut, as a share of all grey levels."""

_REMEMBERED = 5
_SIDES = (32, 18)
_BRIGHT = 235
"""Grey level that a flash may have clipped. Such pixels do not count, if a quarter of the picture remains."""
_WINDOW = cv2.createHanningWindow(_SIDES, cv2.CV_32F)

Thumbnail = NDArray[np.float32]


class CutDetector:
    """Detects frame by frame whether a new shot has begun.

    Attributes:
        cuts: numbers of the frames in `watch` that begin a shot.
        changes: numbers of the frames in `watch` that differ from the frame before as much as across a cut. They
            include the cuts; others are movement, or cuts within much movement.
        changed: whether the latest frame is such a frame.
    """

    def __init__(self) -> None:
        self.cuts: set[int] = set()
        self.changes: set[int] = set()
        self.changed = False
        self._before: Thumbnail | None = None
        self._latest: deque[float] = deque(maxlen=_REMEMBERED)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames of a video; each is examined right after decoding, when it is still in the CPU cache."""
        for frame in frames:
            if self.is_cut(frame.rgb):
                self.cuts.add(frame.index)
            if self.changed:
                self.changes.add(frame.index)
            yield frame

    def is_cut(self, rgb: NDArray[np.uint8]) -> bool:
        """Return whether `rgb` (H, W, 3) begins a new shot; False for the first frame."""
        after, before = _thumbnail(rgb), self._before
        self._before = after
        self.changed = False
        if before is None:
            return False
        difference = _difference(before, after)
        self.changed = difference > CHANGE and _unshifted(before, after) >= SHIFT_EXPLAINS * difference
        bound = STANDS_OUT * median(self._latest) if self._latest else FIRST_CHANGE
        # Cuts count as movement, too: after three in a row they are movement. Shots of two frames are still detected.
        self._latest.append(difference)
        return self.changed and difference > bound


def _thumbnail(rgb: NDArray[np.uint8]) -> Thumbnail:
    # Every n-th pixel of a large frame is enough for averages over thousands of pixels.
    height, width = rgb.shape[:2]
    step = max(1, min(height // 90, width // 160))
    some = cv2.resize(rgb, (width // step, height // step), interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(some, _SIDES, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def _difference(one: Thumbnail, other: Thumbnail) -> float:
    """Return the mean absolute difference of two pictures of one size, normalised by their means and contrasts."""
    counted = (one < _BRIGHT) & (other < _BRIGHT)
    if 4 * np.count_nonzero(counted) >= one.size:
        one, other = one[counted], other[counted]
    means, contrasts = (one.mean(), other.mean()), (one.std(), other.std())
    if max(contrasts) < FLAT:
        # Two flat pictures differ only in their means.
        return CHANGE / LEVEL_CHANGE * float(abs(means[1] - means[0])) / 255
    scaled = [
        (part - mean) / max(FLAT, contrast) for part, mean, contrast in zip((one, other), means, contrasts, strict=True)
    ]
    return float(np.abs(scaled[1] - scaled[0]).mean())


def _unshifted(before: Thumbnail, after: Thumbnail) -> float:
    """Return the difference that remains when one picture is shifted onto the other; infinite for too long a shift.

    Source: Kuglin and Hines, "The Phase Correlation Image Alignment Method", IEEE Cybernetics and Society, 1975.
    """
    # OpenCV multiplies its arguments by the window, in place.
    (x, y), _ = cv2.phaseCorrelate(before.copy(), after.copy(), _WINDOW)
    height, width = before.shape
    right, down = round(x), round(y)
    if abs(right) > 0.7 * width or abs(down) > 0.7 * height:
        return float("inf")
    rows, columns = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
    moved_rows, moved_columns = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
    return _difference(before[rows, columns], after[moved_rows, moved_columns])
