"""Methods that select generated faces for real faces, by name.

A selector takes the features of N candidates and of M real faces. For each real face, it returns the indices of the
selected candidates and their distances, best first. To add a method, add a function here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fertools.statistics.neighbours import nearest


class Selector(Protocol):
    """Selects candidates for each real face."""

    def __call__(
        self, candidates: NDArray[np.float32], real: NDArray[np.float32], /, count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return Mxk indices of candidates and their distances, best first.

        Args:
            candidates: NxD features.
            real: MxD features.
            count: candidates to select for each real face; k is `count`, or N if that is less.
        """


SELECTORS: Mapping[str, Selector] = {"nearest": nearest}
"""All methods by their name in a step."""
