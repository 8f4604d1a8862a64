"""Summed-area tables of pictures: the average over any rectangle of pixels needs four look-ups.

MTCNN's reference shrinks with adaptive average pooling: output pixel i of n averages the input pixels from
floor(i N / n) to ceil((i + 1) N / n) - 1. Computed directly, that reads the whole picture once per pyramid level and
once per crop. A table is built once per picture. Reading from it costs as much as the size of the result.

The sums are integers, so nothing is lost: the results differ from direct computation only by float32 rounding.

Source: Crow, "Summed-Area Tables for Texture Mapping", SIGGRAPH 1984.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class AreaTable:
    """The summed-area tables of a stack of pictures of one size.

    Attributes:
        sums: (pictures, height + 1, width + 1, 3) int32. Sums over many millions of bright pixels wrap around, and so
            do their differences. Modulo 2^32 the sum over a bin is correct while it is below 2^31, so for bins of up to
            8.4 million pixels.
    """

    sums: NDArray[np.int32]

    @classmethod
    def of(cls, pictures: Sequence[NDArray[np.uint8]]) -> AreaTable:
        """Build the tables of pictures (height, width, 3), all of one size."""
        tables = [np.asarray(cv2.integral(picture, sdepth=cv2.CV_32S), np.int32) for picture in pictures]
        return cls(tables[0][None] if len(tables) == 1 else np.stack(tables))

    @property
    def height(self) -> int:
        """Height of the pictures in pixels."""
        return int(self.sums.shape[1]) - 1

    @property
    def width(self) -> int:
        """Width of the pictures in pixels."""
        return int(self.sums.shape[2]) - 1

    def windows(self, picture: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions of boxes in the tables.

        Args:
            picture: (n,) index of each box's picture.
            boxes: (n, 4) x1, y1, x2, y2, all pixels from (x1, y1) to (x2 - 1, y2 - 1), inside the picture.

        Returns:
            (n, 4): index of the upper left corner in the flattened `sums`; entries per row; width and height of the
            box.
        """
        across = self.width + 1
        start = (picture * (self.height + 1) + boxes[:, 1]) * across + boxes[:, 0]
        sides = boxes[:, 2:] - boxes[:, :2]
        return np.column_stack([start, np.full_like(start, across), sides])
