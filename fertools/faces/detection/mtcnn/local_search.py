"""Local search windows of P-Net: only the windows of a full search that can propose a face near a known box.

Windows of about the size of a face propose it, near the face. So for each pyramid level whose window has about that
size, P-Net runs on a square of a few dozen pixels. The pixels and steps are those of a full search, so the proposals
are the same, at a thousandth of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn.proposals import STRIDE_PX, WINDOW_PX, Proposals, order_proposals

SMALLEST, LARGEST = 0.55, 2.0
"""Range of the searched sizes of a face, in sides of P-Net's window.

With this range, 98 of 100 faces of real frames are those of a full search, and the others are close to them."""

MARGIN = 0.35
"""Maximum distance of a face from its expected box, in sides of the face."""

REACH = 1.0
"""Maximum distance between a face and the pixels that a network needs for it, in sides of the face."""

_SIDES_PX = (18, 22, 30, 42)
"""Sides of the squares. Only a few sizes are used, so that squares of many faces can share a call of P-Net."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Squares:
    """Search squares on pyramid levels.

    Attributes:
        place: (n,) index of each square's expected box.
        level: (n,) index of each square's level.
        scale: (n,) scale of the level.
        level_px: (n, 2) width and height of the level.
        corner: (n, 2) x and y in the level, even numbers; a square may extend beyond the level.
        side_px: (n,) side of each square.
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
        """Steps of P-Net from the upper left corner of the level to the end of each square, (n, 2)."""
        within = self.corner // STRIDE_PX + (self.side_px // 2 - 5)[:, None]
        return np.asarray(np.minimum(within, -(-self.level_px // 2) - 5), np.int64)


def squares_around(boxes: NDArray[np.float32], scales: Sequence[float], height: int, width: int) -> Squares:
    """Return the search squares for expected boxes.

    Args:
        boxes: (n, 4) square boxes of expected faces in a picture.
        scales: scales of the pyramid levels, largest first.
        height: height of the picture in pixels.
        width: width of the picture in pixels.
    """
    side = (boxes[:, 2] - boxes[:, 0]).astype(np.float64)
    times = side[:, None] * np.asarray(scales, np.float64) / WINDOW_PX
    wanted = (times >= SMALLEST) & (times < LARGEST)
    # A face below the smallest searched size can still be found as one of the smallest.
    wanted[:, :1] |= times[:, :1] < SMALLEST
    place, level = np.nonzero(wanted)
    times, scale = times[place, level], np.asarray(scales, np.float64)[level]
    need_px = WINDOW_PX * (np.maximum(times, 1.0) + 2 * MARGIN * times)
    side_px = np.array(_SIDES_PX)[np.searchsorted(_SIDES_PX, need_px).clip(max=len(_SIDES_PX) - 1)]
    picture_px = np.array([width, height])
    level_px = (picture_px * scale[:, None] + 1).astype(np.int64)
    middle = (boxes[place, :2] + boxes[place, 2:]) / 2 * level_px / picture_px
    # P-Net steps by two pixels from the corner of the level, and so must its squares, up to the last window.
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
    """Return the windows found in squares, grouped by level; a window in two squares counts once.

    Args:
        squares: the search squares.
        which: (n,) index of each window's square.
        frame: (n,) frame of each window.
        steps: (n, 2) steps of P-Net to the right and down.
        scores: (n,) face probabilities.
        offsets: (n, 4) box offsets.
    """
    found = []
    for number in np.unique(squares.level[which]):
        here = np.flatnonzero(squares.level[which] == number)
        _, first = np.unique(np.column_stack([frame[here], steps[here]]), axis=0, return_index=True)
        here = here[first]
        scale = float(squares.scale[which[here[0]]])
        found.append(order_proposals(frame[here], steps[here], scores[here], offsets[here], scale))
    return found
