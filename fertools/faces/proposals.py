"""The first stage: P-Net slid over a pyramid of shrunk pictures proposes windows that may hold a face.

On a CPU a level is worked through in strips of a few dozen rows. P-Net does not pad, so strips that overlap by
its window give the same features; but their intermediate results stay in the processor's cache and the memory
they live in is used again and again, which makes the large levels more than twice as fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.faces.area import AreaTable
from fertools.faces.networks import PNet

CENTRE, SPAN = 127.5, 128.0
"""Pixels go into all three networks as (value - CENTRE) / SPAN."""

STRIP_PX = 80_000
"""Pixels of a level that go through P-Net at once on a CPU."""

# The log-odds pick the windows worth judging; the exact probability decides. The slack covers what rounding can
# put between the two.
_SLACK = 1e-3


@dataclass(frozen=True)
class Proposals:
    """Windows of one level of the pyramid, in reading order.

    Attributes:
        picture: (n,) int64, which picture of the stack.
        boxes: (n, 4) float32, the windows in source pixels.
        scores: (n,) float32 face probabilities.
        offsets: (n, 4) float32, where P-Net puts the face, in units of the window's sides.
    """

    picture: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    offsets: NDArray[np.float32]


def pyramid(height: int, width: int, min_face_px: float, factor: float) -> Iterator[float]:
    """Yield the scales at which P-Net's 12-pixel window finds faces from `min_face_px` up, largest first.

    Args:
        height: of the picture, in pixels.
        width: likewise.
        min_face_px: side of the smallest face.
        factor: from each scale to the next, below 1.
    """
    scale = PNet.WINDOW_PX / min_face_px
    short = min(height, width) * scale
    while short >= PNet.WINDOW_PX:
        yield scale
        scale *= factor
        short *= factor


@dataclass(frozen=True)
class Level:
    """One level of the pyramid.

    Attributes:
        scale: its size in that of the picture.
        height: in pixels.
        width: likewise.
    """

    scale: float
    height: int
    width: int

    @classmethod
    def of(cls, table: AreaTable, scale: float) -> Level:
        """Return the level of a scale."""
        return cls(scale, int(table.height * scale + 1), int(table.width * scale + 1))

    @property
    def rows(self) -> int:
        """Steps of P-Net from top to bottom."""
        return -(-self.height // 2) - 5

    @property
    def columns(self) -> int:
        """Steps of P-Net from left to right."""
        return -(-self.width // 2) - 5


def propose(network: PNet, table: AreaTable, scale: float, threshold: float, strip_px: int | None) -> Proposals:
    """Return the windows of one pyramid level whose face probability reaches `threshold`.

    Args:
        network: P-Net, on the device of `table`.
        table: the pictures.
        scale: of the level.
        threshold: least probability, between 0 and 1.
        strip_px: pixels of the level to work on at a time, about; None takes the level whole.
    """
    place, features, _ = scan(network, table, Level.of(table, scale), least_evidence(threshold), strip_px)
    return judged(network, place, features, threshold, scale)


def scan(
    network: PNet, table: AreaTable, level: Level, least: float, strip_px: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Look at a whole level.

    Args:
        network: P-Net, on the device of `table`.
        table: the pictures.
        level: where to look.
        least: log-odds from which a window is of interest.
        strip_px: as for `propose`.

    Returns:
        Of the windows of interest: where each is (n, 3), its picture, row and column in steps of P-Net; its features
        (n, 32); and its log-odds (n,).
    """
    step = level.rows if strip_px is None else max(8, strip_px // (2 * level.width))
    places, features, odds = [], [], []
    for first in range(0, level.rows, step):
        last = min(first + step, level.rows)
        rows = slice(2 * first, min(2 * last + PNet.WINDOW_PX - PNet.STRIDE_PX, level.height))
        pixels = table.shrink(level.height, level.width, rows, centre=CENTRE, span=SPAN)
        found = network(pixels.permute(0, 3, 1, 2))
        evidence = network.evidence(found)
        place = (evidence >= least).nonzero()
        features.append(found[tuple(place.unbind(1))])
        odds.append(evidence[tuple(place.unbind(1))])
        place[:, 1] += first
        places.append(place)
    return torch.cat(places), torch.cat(features), torch.cat(odds)


def judged(network: PNet, place: Tensor, features: Tensor, threshold: float, scale: float) -> Proposals:
    """Return the windows at places (n, 3) of a level, with features (n, 32), whose probability reaches a threshold."""
    scores, offsets = network.judge(features)
    keep = scores >= threshold
    return _in_reading_order(place[keep].cpu().numpy(), scores[keep].cpu().numpy(), offsets[keep].cpu().numpy(), scale)


def _in_reading_order(
    place: NDArray[np.int64], scores: NDArray[np.float32], offsets: NDArray[np.float32], scale: float
) -> Proposals:
    # Strips of several pictures come strip by strip; suppression breaks ties by order, so the order is fixed here.
    order = np.lexsort((place[:, 2], place[:, 1], place[:, 0]))
    place = place[order]
    return Proposals(place[:, 0], windows_at(place[:, :0:-1], scale), scores[order], offsets[order])


def windows_at(steps: NDArray[np.int64], scale: float) -> NDArray[np.float32]:
    """Return P-Net's windows (n, 4) in source pixels, `steps` (n, 2) of it to the right and down on a level."""
    corner = steps.astype(np.float32) * np.float32(PNet.STRIDE_PX)
    first = np.floor((corner + np.float32(1)) / np.float32(scale))
    last = np.floor((corner + np.float32(PNet.WINDOW_PX)) / np.float32(scale))
    return np.concatenate([first, last], axis=1)


def least_evidence(threshold: float) -> float:
    """Return the log-odds from which a window is worth judging against a threshold of its probability."""
    return float(np.log(threshold / (1 - threshold))) - _SLACK
