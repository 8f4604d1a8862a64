"""Weights that a network starts from, and their origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class StartingWeights:
    """The content of a file of weights.

    Attributes:
        tensors: tensors by name.
        where: place that they were read from, for messages.
        recipe: every value of the recipe of the run that wrote them, by key; None for weights of other origin.
    """

    tensors: Mapping[str, Tensor]
    where: str
    recipe: Mapping[str, Any] | None = None
