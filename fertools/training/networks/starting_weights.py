"""Weights that a network begins with, with what is known of where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class StartingWeights:
    """The content of a file of weights.

    Attributes:
        tensors: by name.
        where: they were read, for messages.
        recipe: every value of the recipe of the run that wrote them, by key; None for weights from elsewhere.
    """

    tensors: Mapping[str, Tensor]
    where: str
    recipe: Mapping[str, Any] | None = None
