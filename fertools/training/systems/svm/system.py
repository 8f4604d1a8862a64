"""The support vector machine as a system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from fertools.training.systems.fitted import Floats
from fertools.training.systems.svm.machine import SupportVectorMachine, compute_features, fit_machine
from fertools.training.systems.svm.recipe import SvmRecipe


class Svm:
    """Features of faces and a linear machine.

    Args:
        recipe: the features and the machine's constants.
    """

    def __init__(self, recipe: SvmRecipe) -> None:
        self.recipe = recipe
        self._machine: SupportVectorMachine | None = None

    def describe(self, pixels: NDArray[np.uint8]) -> Floats:
        """Return NxD features of NxSxSx3 RGB faces."""
        return compute_features(pixels, self.recipe)

    def fit(self, features: Floats, labels: NDArray[np.int64], people: NDArray[np.int64]) -> None:
        """Fit the machine to NxD features with N labels; `people` says who shows each."""
        self._machine = fit_machine(features, labels, people, len(self.recipe.class_names), self.recipe)

    @property
    def machine(self) -> SupportVectorMachine:
        """The fitted machine.

        Raises:
            ValueError: nothing has been fitted yet.
        """
        if self._machine is None:
            raise ValueError("the machine is not fitted; call fit first")
        return self._machine

    def probabilities(self, features: Floats) -> Floats:
        """Return NxC probabilities of NxD features."""
        return self.machine.probabilities(features)

    def state(self) -> Mapping[str, Floats]:
        """Return the arrays of the machine by name."""
        return asdict(self.machine)

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Put back the arrays of a fitted machine."""
        self._machine = SupportVectorMachine(**state)

    def parameters(self) -> Mapping[str, int]:
        """Return the number of weights and biases."""
        return {"machine": int(self.machine.weights.size + self.machine.bias.size)}
