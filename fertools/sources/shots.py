"""Where one shot ends and the next begins, so that no track crosses a cut.

A cut changes both what colours a picture has and where they are. A pan changes only the second, a flash mostly the
first; so both must change for a cut to be called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.sources.videos import Frame

HISTOGRAM_CHANGE = 0.35
"""Share of the pixels that changed their grey-level bin (half the L1 distance of two 32-bin histograms)."""
LAYOUT_CHANGE = 0.12
"""Mean absolute difference of two 32 x 18 grey thumbnails, of the full range."""


class CutDetector:
    """Tells, frame by frame, whether a new shot has begun.

    Attributes:
        cuts: numbers of the frames of `watch` that began one.
    """

    def __init__(self) -> None:
        self.cuts: set[int] = set()
        self._thumbnail: NDArray[np.uint8] | None = None
        self._histogram: NDArray[np.float64] | None = None

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames of a video, each looked at when it has just been decoded: then it is in the cache."""
        for frame in frames:
            if self.is_cut(frame.rgb):
                self.cuts.add(frame.index)
            yield frame

    def is_cut(self, rgb: NDArray[np.uint8]) -> bool:
        """Return whether `rgb` (H, W, 3) begins a new shot; the first frame never does."""
        # Of a large frame every so many pixels are enough for averages over thousands of them.
        height, width = rgb.shape[:2]
        step = max(1, min(height // 90, width // 160))
        some = cv2.resize(rgb, (width // step, height // step), interpolation=cv2.INTER_NEAREST)
        small = cv2.resize(some, (32, 18), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        histogram = np.bincount(grey.ravel(), minlength=256).reshape(32, 8).sum(axis=1) / grey.size
        before, self._thumbnail = self._thumbnail, grey
        shares, self._histogram = self._histogram, histogram
        if before is None or shares is None:
            return False
        layout = cv2.norm(grey, before, cv2.NORM_L1) / (255 * grey.size)
        colours = float(np.abs(histogram - shares).sum() / 2)
        return layout > LAYOUT_CHANGE and colours > HISTOGRAM_CHANGE
