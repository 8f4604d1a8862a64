"""What works out the three networks, in one of two ways that say the same.

The compiled networks are the faster by far and run on CPUs; torch runs on any device, and everywhere where nothing was
compiled. The mode `exact` keeps to torch, with which its answers are the reference's own arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fertools.faces.area import AreaTable
from fertools.faces.patches import Patches
from fertools.faces.proposals import Proposals

Table = AreaTable | Patches
"""What windows of pictures are read from: all of each picture, or parts."""

Floats = NDArray[np.float32]


class Engine(Protocol):
    """Applies the three networks to pictures of which there are tables."""

    def propose(self, table: AreaTable, scales: Sequence[float], threshold: float) -> list[Proposals]:
        """Return the windows of each level of the pyramid whose face probability reaches `threshold`."""

    def propose_near(
        self, patches: Patches, boxes: Floats, scales: Sequence[float], threshold: float
    ) -> list[Proposals]:
        """Return likewise the windows near places, by level.

        Args:
            patches: a part around each of `boxes`, in the same order.
            boxes: (n, 4) squares, where faces are expected.
            scales: of the pyramid's levels, largest first.
            threshold: least probability, between 0 and 1.
        """

    def refine(self, table: Table, windows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return R-Net's face probability (n,) and offsets (n, 4) of windows (n, 4), as `table.windows` gives them."""

    def place(self, table: Table, windows: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """Return O-Net's face probability (n,), offsets (n, 4) and points (n, 2, 5) of windows."""
