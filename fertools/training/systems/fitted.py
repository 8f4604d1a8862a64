"""The contract of a system that is fitted in one call, without the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class FittedSystem(Protocol):
    """A system that is fitted to features of faces in one call; it is built from its recipe."""

    def describe(self, pixels: NDArray[np.uint8]) -> Floats:
        """Return NxD features of NxSxSx3 RGB faces."""

    def fit(self, features: Floats, labels: NDArray[np.int64], people: NDArray[np.int64]) -> None:
        """Fit the system.

        Args:
            features: NxD features of training faces.
            labels: N indices into the recipe's classes.
            people: N numbers, one per person.
        """

    def probabilities(self, features: Floats) -> Floats:
        """Return NxC probabilities of NxD features."""

    def state(self) -> Mapping[str, Floats]:
        """Return the fitted arrays by name."""

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Load the arrays of `state`."""

    def parameters(self) -> Mapping[str, int]:
        """Return the number of fitted parameters by name of the model part."""
