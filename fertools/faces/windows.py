"""Windows around faces that are expected somewhere: what is cut out of a frame, and where in it to look first.

A face that is known needs no table of sums of the whole frame; one of its surroundings costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.faces import boxes as boxwork
from fertools.faces.area import AreaTable
from fertools.faces.proposals import CENTRE, SPAN

_REACH = 0.75
"""How far a window goes beyond the expected square, in sides of it."""


@dataclass(frozen=True)
class Window:
    """A part of a frame around an expected face, with its table of sums.

    Attributes:
        table: of the part.
        x: of the part's first column in the frame.
        y: of its first row.
    """

    table: AreaTable
    x: int
    y: int

    @classmethod
    def around(cls, frame: NDArray[np.uint8], square: NDArray[np.float32], device: torch.device) -> Window:
        """Take the part of `frame` that `square` (4,), moved and grown, can reach."""
        reach = _REACH * (square[2] - square[0]) + 2
        left, top = (max(0, int(edge - reach)) for edge in square[:2])
        right, bottom = (int(edge + reach) + 1 for edge in square[2:])
        part = np.ascontiguousarray(frame[top:bottom, left:right])
        return cls(AreaTable.of([part], device), left, top)

    def crop(self, boxes: NDArray[np.float32], size_px: int) -> Tensor:
        """Return what a network sees of boxes (n, 4), cut off where the window ends, (n, size_px, size_px, 3)."""
        shift = np.array([self.x, self.y, self.x, self.y], np.float32)
        pixels = boxwork.clip(boxes - shift, self.table.height, self.table.width)
        # A box that was moved out of its window shows nothing; one pixel stands for it and is judged no face.
        pixels[:, :2] = np.minimum(pixels[:, :2], (self.table.width - 1, self.table.height - 1))
        pixels[:, 2:] = np.maximum(pixels[:, 2:], pixels[:, :2] + 1)
        picture = torch.zeros(len(pixels), dtype=torch.int64, device=self.table.sums.device)
        places = torch.from_numpy(pixels).to(picture.device)
        return self.table.crop(picture, places, size_px, centre=CENTRE, span=SPAN)


@dataclass(frozen=True)
class Starts:
    """Squares to begin from around an expected one.

    Attributes:
        shifts: of the centre along either axis, in sides; 0 is always among them.
        sizes: of the side, relative.
    """

    shifts: tuple[float, ...]
    sizes: tuple[float, ...]

    def around(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return squares (n * k, 4) around squares (n, 4), k for each and in order."""
        cross = [(0.0, 0.0), *((x, 0.0) for x in self.shifts), *((0.0, y) for y in self.shifts)]
        middle, side = (squares[:, :2] + squares[:, 2:]) / 2, squares[:, 2:] - squares[:, :2]
        centres = (middle[:, None] + side[:, None] * np.array(cross, np.float32))[:, :, None]
        halves = (side[:, None] / 2 * np.array(self.sizes, np.float32)[:, None])[:, None]
        return np.concatenate([centres - halves, centres + halves], axis=-1).reshape(-1, 4).astype(np.float32)


NARROW = Starts(shifts=(-0.1, 0.1), sizes=(0.87, 1.0, 1.15))
WIDE = Starts(shifts=(-0.2, -0.1, 0.1, 0.2), sizes=(0.75, 0.87, 1.0, 1.15, 1.32))
