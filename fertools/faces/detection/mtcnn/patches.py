"""Parts of frames around places of interest, which stand for the frames as long as nobody looks elsewhere.

A table of sums of a whole frame takes longer than all that is done with a face in it. Tables of the surroundings of
some places cost next to nothing, and what is read from them is the same to the last bit.
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
    """The tables of sums of parts of frames, of which all are of one size.

    All places are given in pixels of the frames.

    Attributes:
        height: of the frames.
        width: likewise.
        sums: (m, 3) int32, the tables row by row, one after the other.
        first: (n,) where in `sums` each table begins.
        frame: (n,) which frame each part is of.
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
        """Take parts around squares.

        Args:
            frames: (height, width, 3) uint8, all of one size, one at least.
            frame: (n,) which of them each square is in; n is 1 or more.
            squares: (n, 4), each with a pixel inside its frame.
            reach: how far a part goes beyond its square, in sides of it.
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
        """Return where boxes of the frames are, as `AreaTable.windows` does, each cut off at the edge of a part.

        It is the part that holds most of the box. `picture` is the number of the frame, which must have a part.
        """
        corner = np.maximum(boxes[:, None, :2], self.edges[:, :2])
        end = np.minimum(boxes[:, None, 2:], self.edges[:, 2:])
        held = (end - corner).clip(0).prod(axis=2)
        part = np.where(picture[:, None] == self.frame, held, -1).argmax(axis=1)
        edges = self.edges[part]
        # A box outside of every part shows nothing; a pixel stands for it and is judged no face.
        corner = boxes[:, :2].clip(edges[:, :2], edges[:, 2:] - 1)
        end = boxes[:, 2:].clip(corner + 1, edges[:, 2:])
        x, y = (corner - edges[:, :2]).T
        across = self.across[part]
        return np.column_stack([self.first[part] + y * across + x, across, end - corner])

    @property
    def across(self) -> Ints:
        """Entries to a row of each table, (n,)."""
        return self.edges[:, 2] - self.edges[:, 0] + 1
