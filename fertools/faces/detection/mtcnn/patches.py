"""Parts of frames around expected boxes, which replace whole frames in a local search.

The summed-area table of a whole frame takes longer than all other work on one face in it. Tables of small parts cost
almost nothing, and averages from them are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Patches:
    """Summed-area tables of parts of frames of one size.

    All positions are in pixels of the frames.

    Attributes:
        height: height of the frames.
        width: width of the frames.
        sums: (m, 3) int32, the tables row by row, one after another.
        first: (n,) start of each table in `sums`.
        frame: (n,) index of each part's frame.
        edges: (n, 4) x1, y1, x2, y2 of the parts, half-open.
    """

    height: int
    width: int
    sums: NDArray[np.int32]
    first: Ints
    frame: Ints
    edges: Ints

    @classmethod
    def around(
        cls,
        frames: Sequence[NDArray[np.uint8]],
        frame: Ints,
        squares: NDArray[np.float32],
        reach: float,
    ) -> Patches:
        """Build the tables of parts around squares.

        Args:
            frames: (height, width, 3) uint8, all of one size, one at least.
            frame: (n,) index of each square's frame; n is 1 or more.
            squares: (n, 4) squares, each with a pixel inside its frame.
            reach: margin of a part around its square, in sides of the square.
        """
        height, width = frames[0].shape[:2]
        margin = (reach * (squares[:, 2:] - squares[:, :2])).repeat(2, axis=1) * (-1, -1, 1, 1) + (-2, -2, 2, 2)
        edges = (squares + margin).astype(np.int64).clip(0, np.tile((width, height), 2))
        entries = (edges[:, 2] - edges[:, 0] + 1) * (edges[:, 3] - edges[:, 1] + 1)
        last = np.cumsum(entries)
        sums = np.empty((int(last[-1]), 3), np.int32)
        for number, (left, top, right, bottom), end, count in zip(frame, edges.tolist(), last, entries, strict=True):
            table = sums[end - count : end].reshape(bottom - top + 1, right - left + 1, 3)
            part = np.ascontiguousarray(frames[number][top:bottom, left:right])
            cv2.integral(part, sum=table, sdepth=cv2.CV_32S)
        return cls(height, width, sums, last - entries, frame, edges)

    def windows(self, picture: Ints, boxes: Ints) -> Ints:
        """Return the positions of boxes as `AreaTable.windows` does, each clipped to one part.

        The part is the one that contains most of the box. `picture` is the index of the frame, which must have a part.
        """
        corner = np.maximum(boxes[:, None, :2], self.edges[:, :2])
        end = np.minimum(boxes[:, None, 2:], self.edges[:, 2:])
        held = (end - corner).clip(0).prod(axis=2)
        part = np.where(picture[:, None] == self.frame, held, -1).argmax(axis=1)
        edges = self.edges[part]
        # A box outside of every part is replaced by one pixel, which is classified as no face.
        corner = boxes[:, :2].clip(edges[:, :2], edges[:, 2:] - 1)
        end = boxes[:, 2:].clip(corner + 1, edges[:, 2:])
        x, y = (corner - edges[:, :2]).T
        across = self.across[part]
        return np.column_stack([self.first[part] + y * across + x, across, end - corner])

    @property
    def across(self) -> Ints:
        """Entries per row of each table, (n,)."""
        return self.edges[:, 2] - self.edges[:, 0] + 1
