"""The centred square of a picture that is a face crop already and has no landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError

CENTRED = "centre"
"""Value in the manifest instead of a template name for such a crop."""


@dataclass(frozen=True)
class Centre:
    """The wanted centre of the square.

    Attributes:
        x: share of the picture's width, from 0 at the left edge to 1 at the right edge.
        y: share of the picture's height, from 0 at the top.

    Raises:
        InputError: a share is not from 0 to 1.
    """

    x: float = 0.5
    y: float = 0.5

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise InputError(
                f"{argument('centre')} is at {self.x:g}, {self.y:g}; give two shares of width and height from 0 to 1"
            )


def centre_square(width: int, height: int, centre: Centre) -> NDArray[np.float32]:
    """Return the largest square of a picture with its centre as near to `centre` as possible.

    Args:
        width: width of the picture in pixels.
        height: height of the picture in pixels.
        centre: the wanted centre.

    Returns:
        (4,) float32 x1, y1, x2, y2: edges in whole pixels; the side is the shorter side of the picture.
    """
    side = min(width, height)
    x1 = round(min(max(centre.x * width - side / 2, 0), width - side))
    y1 = round(min(max(centre.y * height - side / 2, 0), height - side))
    return np.array([x1, y1, x1 + side, y1 + side], np.float32)


def square_matrix(box: NDArray[np.floating], size_px: int) -> NDArray[np.float64]:
    """Return the (2, 3) transform from a square of the source to a crop of `size_px`, for `alignment.warp`.

    Both count from the centre of the first pixel, so an edge at x = 0 is at -0.5.
    """
    x1, y1, x2, _ = (float(edge) for edge in box)
    scale = size_px / (x2 - x1)
    shift = (scale - 1) / 2
    return np.array([[scale, 0, shift - scale * x1], [0, scale, shift - scale * y1]])


def covered_square(matrix: NDArray[np.floating], size_px: int) -> NDArray[np.float32]:
    """Return the upright square of the source with the centre and the side of an aligned crop.

    Args:
        matrix: (2, 3) similarity from source to crop pixels.
        size_px: side of the crop.
    """
    linear = np.asarray(matrix, np.float64)[:, :2]
    half = size_px / float(np.hypot(linear[0, 0], linear[1, 0])) / 2
    x, y = np.linalg.solve(linear, np.full(2, size_px / 2 - 0.5) - np.asarray(matrix, np.float64)[:, 2]) + 0.5
    return np.array([x - half, y - half, x + half, y + half], np.float32)
