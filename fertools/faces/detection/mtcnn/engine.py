"""What works out the three networks, in one of two ways that say the same.

The compiled networks are the faster by far and run on CPUs; torch runs on any device, and everywhere where nothing was
compiled. The mode `exact` keeps to torch, with which its answers are the reference's own arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn.proposals import Proposals

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class View(Protocol):
    """Pictures of one size as an engine looks at them: all of each, or parts."""

    @property
    def height(self) -> int:
        """Height of the pictures in pixels."""

    @property
    def width(self) -> int:
        """Width of the pictures in pixels."""

    def windows(self, picture: Ints, boxes: Ints) -> Ints:
        """Return windows of the pictures, one to a row, for the engine to look at.

        Args:
            picture: (n,) which picture each is of.
            boxes: (n, 4) x1, y1, x2, y2, all pixels from (x1, y1) to (x2 - 1, y2 - 1), inside the picture.
        """


Whole = TypeVar("Whole", bound=View)
Near = TypeVar("Near", bound=View)


class Engine(Protocol[Whole, Near]):
    """Applies the three networks to pictures.

    Attributes:
        near_px: so many pixels around places may be in one view.
    """

    near_px: float

    def view(self, frames: Sequence[NDArray[np.uint8]]) -> Whole:
        """Return all of pictures (height, width, 3), one at least, of one size."""

    def view_near(self, frames: Sequence[NDArray[np.uint8]], frame: Ints, boxes: Floats) -> Near:
        """Return what of pictures is around places.

        Args:
            frames: (height, width, 3), one at least, of one size.
            frame: (n,) which of them each place is in; n is 1 or more.
            boxes: (n, 4) squares, where faces are expected, each with a pixel inside its frame.
        """

    def propose(self, view: Whole, scales: Sequence[float], threshold: float) -> list[Proposals]:
        """Return the windows of each level of the pyramid whose face probability reaches `threshold`."""

    def propose_near(
        self, view: Near, frame: Ints, boxes: Floats, scales: Sequence[float], threshold: float
    ) -> list[Proposals]:
        """Return likewise the windows near places, by level.

        Args:
            view: of `frame` and `boxes`.
            frame: as for `view_near`.
            boxes: likewise.
            scales: of the pyramid's levels, largest first.
            threshold: least probability, between 0 and 1.
        """

    def refine(self, view: Whole | Near, windows: Ints) -> tuple[Floats, Floats]:
        """Return R-Net's face probability (n,) and offsets (n, 4) of windows, as `View.windows` gives them."""

    def place(self, view: Whole | Near, windows: Ints) -> tuple[Floats, Floats, Floats]:
        """Return O-Net's face probability (n,), offsets (n, 4) and points (n, 2, 5) of windows."""
