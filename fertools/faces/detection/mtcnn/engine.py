"""The interface of an engine, which computes the three networks.

Two engines give the same faces. The compiled networks are much faster and run on CPUs. torch runs on any device, and
where nothing was compiled. The mode `exact` always uses torch, with the arithmetic of the reference.
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
    """The input of an engine: pictures of one size, whole or in parts."""

    @property
    def height(self) -> int:
        """Height of the pictures in pixels."""

    @property
    def width(self) -> int:
        """Width of the pictures in pixels."""

    def windows(self, picture: Ints, boxes: Ints) -> Ints:
        """Return windows of the pictures in the form that the engine needs, one per row.

        Args:
            picture: (n,) index of each window's picture.
            boxes: (n, 4) x1, y1, x2, y2, all pixels from (x1, y1) to (x2 - 1, y2 - 1), inside the picture.
        """


Whole = TypeVar("Whole", bound=View)
Near = TypeVar("Near", bound=View)


class Engine(Protocol[Whole, Near]):
    """Computes the three networks on pictures.

    Attributes:
        near_px: maximum number of pixels around expected boxes in one view.
    """

    near_px: float

    def view(self, frames: Sequence[NDArray[np.uint8]]) -> Whole:
        """Return a view of whole pictures (height, width, 3), one at least, all of one size."""

    def view_near(self, frames: Sequence[NDArray[np.uint8]], frame: Ints, boxes: Floats) -> Near:
        """Return a view of the parts of pictures around expected boxes.

        Args:
            frames: (height, width, 3), one at least, all of one size.
            frame: (n,) index of each box's frame; n is 1 or more.
            boxes: (n, 4) square boxes of expected faces, each with a pixel inside its frame.
        """

    def propose(self, view: Whole, scales: Sequence[float], threshold: float) -> list[Proposals]:
        """Return the windows of each pyramid level whose face probability reaches `threshold`."""

    def propose_near(
        self, view: Near, frame: Ints, boxes: Floats, scales: Sequence[float], threshold: float
    ) -> list[Proposals]:
        """Return the windows near expected boxes whose face probability reaches `threshold`, by level.

        Args:
            view: view of `frame` and `boxes`.
            frame: (n,) index of each box's frame.
            boxes: (n, 4) square boxes of expected faces.
            scales: scales of the pyramid levels, largest first.
            threshold: minimum probability, between 0 and 1.
        """

    def refine(self, view: Whole | Near, windows: Ints) -> tuple[Floats, Floats]:
        """Return R-Net's face probability (n,) and offsets (n, 4) for windows from `View.windows`."""

    def place(self, view: Whole | Near, windows: Ints) -> tuple[Floats, Floats, Floats]:
        """Return O-Net's face probability (n,), offsets (n, 4) and points (n, 2, 5) for windows."""
