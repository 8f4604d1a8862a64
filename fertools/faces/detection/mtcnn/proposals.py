"""The first stage: P-Net slides over an image pyramid and proposes windows that may contain a face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_PX, STRIDE_PX = 12, 2
"""Side of P-Net's window, and its stride."""

CENTRE, SPAN = 127.5, 128.0
"""Pixels go into all three networks as (value - CENTRE) / SPAN."""

# The logits select the windows, and the exact probability decides. The slack covers rounding differences between the
# two.
_SLACK = 1e-3


@dataclass(frozen=True)
class Proposals:
    """Windows of one level of the pyramid, in reading order.

    Attributes:
        picture: (n,) int64, index of the picture in the stack.
        boxes: (n, 4) float32, the windows in source pixels.
        scores: (n,) float32 face probabilities.
        offsets: (n, 4) float32 box offsets by P-Net, in units of the window's sides.
    """

    picture: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    offsets: NDArray[np.float32]


def pyramid(height: int, width: int, min_face_px: float, factor: float) -> Iterator[float]:
    """Yield the scales at which P-Net's 12-pixel window finds faces from `min_face_px` on, largest first.

    Args:
        height: height of the picture in pixels.
        width: width of the picture in pixels.
        min_face_px: side of the smallest face.
        factor: scale factor between pyramid levels, below 1.
    """
    scale = WINDOW_PX / min_face_px
    short = min(height, width) * scale
    while short >= WINDOW_PX:
        yield scale
        scale *= factor
        short *= factor


@dataclass(frozen=True)
class Level:
    """One level of the pyramid.

    Attributes:
        scale: scale of the level relative to the picture.
        height: height of the level in pixels.
        width: width of the level in pixels.
    """

    scale: float
    height: int
    width: int

    @classmethod
    def of(cls, height: int, width: int, scale: float) -> Level:
        """Return the level with a scale, for a picture of `height` x `width` pixels."""
        return cls(scale, int(height * scale + 1), int(width * scale + 1))

    @property
    def rows(self) -> int:
        """Steps of P-Net from top to bottom."""
        return -(-self.height // 2) - 5

    @property
    def columns(self) -> int:
        """Steps of P-Net from left to right."""
        return -(-self.width // 2) - 5


def windows_at(steps: NDArray[np.int64], scale: float) -> NDArray[np.float32]:
    """Return P-Net's windows (n, 4) in source pixels for `steps` (n, 2) to the right and down on a level."""
    corner = steps.astype(np.float32) * np.float32(STRIDE_PX)
    first = np.floor((corner + np.float32(1)) / np.float32(scale))
    last = np.floor((corner + np.float32(WINDOW_PX)) / np.float32(scale))
    return np.concatenate([first, last], axis=1)


def order_proposals(
    picture: NDArray[np.int64],
    steps: NDArray[np.int64],
    scores: NDArray[np.float32],
    offsets: NDArray[np.float32],
    scale: float,
) -> Proposals:
    """Return windows of a level as proposals in reading order, because suppression breaks ties by order.

    Args:
        picture: (n,) index of the picture in the stack.
        steps: (n, 2) steps of P-Net to the right and down.
        scores: (n,) face probabilities.
        offsets: (n, 4) box offsets.
        scale: scale of the level.
    """
    order = np.lexsort((steps[:, 0], steps[:, 1], picture))
    return Proposals(picture[order], windows_at(steps[order], scale), scores[order], offsets[order])


def logit_threshold(threshold: float) -> float:
    """Return the minimum logit of a window for a threshold of its probability."""
    return float(np.log(threshold / (1 - threshold))) - _SLACK


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of logits; the softmax of two numbers is the logistic function of their difference."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
