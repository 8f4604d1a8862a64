"""P-Net around known places: the windows of the full search that can lead to a face there, and no others.

A face of side s is proposed by windows of about its size, near it. So of each level of the pyramid whose window has a
size around s a square of a few dozen pixels is worked out, with the same pixels and at the same steps as when the
whole frame is searched. The proposals are then the same ones, at a thousandth of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn.proposals import STRIDE_PX, WINDOW_PX, Proposals, order_proposals

SMALLEST, LARGEST = 0.55, 2.0
"""Sides of a face, in those of P-Net's window, from and up to which it is looked for.

With these, 98 of 100 faces of real frames come out as the full search has them, and the others near it.
"""

MARGIN = 0.35
"""How far a face may be from where it is expected, in sides of it."""

REACH = 1.0
"""How far what a network sees of a face can go beyond it, in sides of it."""

_SIDES_PX = (18, 22, 30, 42)
"""Sides of the squares, a few only, so that squares of many faces can go through P-Net together."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Squares:
    """Squares of levels of the pyramid.

    Attributes:
        place: (n,) number of the place that each is around.
        level: (n,) number of the level.
        scale: (n,) of the level.
        level_px: (n, 2) width and height of the level.
        corner: (n, 2) x and y in the level, even numbers. A square may reach beyond the level.
        side_px: (n,).
    """

    place: Ints
    level: Ints
    scale: NDArray[np.float64]
    level_px: Ints
    corner: Ints
    side_px: Ints

    def __len__(self) -> int:
        return len(self.place)

    @property
    def steps(self) -> Ints:
        """Steps of P-Net from the left and from the top of the level to where each square ends, (n, 2)."""
        within = self.corner // STRIDE_PX + (self.side_px // 2 - 5)[:, None]
        return np.asarray(np.minimum(within, -(-self.level_px // 2) - 5), np.int64)


def squares_around(boxes: NDArray[np.float32], scales: Sequence[float], height: int, width: int) -> Squares:
    """Return where to look for faces in the pyramid.

    Args:
        boxes: (n, 4) squares in a picture, where faces are expected.
        scales: of the pyramid's levels, largest first.
        height: of the picture, in pixels.
        width: likewise.
    """
    side = (boxes[:, 2] - boxes[:, 0]).astype(np.float64)
    times = side[:, None] * np.asarray(scales, np.float64) / WINDOW_PX
    wanted = (times >= SMALLEST) & (times < LARGEST)
    # A face smaller than all that are looked for can still be found as one of the smallest.
    wanted[:, :1] |= times[:, :1] < SMALLEST
    place, level = np.nonzero(wanted)
    times, scale = times[place, level], np.asarray(scales, np.float64)[level]
    need_px = WINDOW_PX * (np.maximum(times, 1.0) + 2 * MARGIN * times)
    side_px = np.array(_SIDES_PX)[np.searchsorted(_SIDES_PX, need_px).clip(max=len(_SIDES_PX) - 1)]
    picture_px = np.array([width, height])
    level_px = (picture_px * scale[:, None] + 1).astype(np.int64)
    middle = (boxes[place, :2] + boxes[place, 2:]) / 2 * level_px / picture_px
    # P-Net steps by two pixels from the level's corner on, and so must its squares; none begins beyond the last window.
    last = ((level_px - side_px[:, None] + 1) // 2 * 2).clip(0)
    corner = ((middle - side_px[:, None] / 2) // 2 * 2).clip(0, last).astype(np.int64)
    return Squares(place, level, scale, level_px, corner, side_px)


def collect_proposals(
    squares: Squares,
    which: Ints,
    frame: Ints,
    steps: Ints,
    scores: NDArray[np.float32],
    offsets: NDArray[np.float32],
) -> list[Proposals]:
    """Return what was found in squares by the levels that it is on, each window once even if two squares show it.

    Args:
        squares: where was looked.
        which: (n,) square that each window is in.
        frame: (n,) frame of each window.
        steps: (n, 2) of P-Net, to the right and down.
        scores: (n,) face probabilities.
        offsets: (n, 4).
    """
    found = []
    for number in np.unique(squares.level[which]):
        here = np.flatnonzero(squares.level[which] == number)
        _, first = np.unique(np.column_stack([frame[here], steps[here]]), axis=0, return_index=True)
        here = here[first]
        scale = float(squares.scale[which[here[0]]])
        found.append(order_proposals(frame[here], steps[here], scores[here], offsets[here], scale))
    return found
