"""Weights that a network starts from, and their origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fertools.core.hashing import hash_bytes


@dataclass(frozen=True)
class StartingWeights:
    """The content of a file of weights.

    Attributes:
        tensors: tensors by name.
        where: place that they were read from, for messages.
        recipe: every value of the recipe of the run that wrote them, by key; None for weights of other origin.
        classes: the expressions that the network of that run predicts, in order; empty if it is not known.
    """

    tensors: Mapping[str, Tensor]
    where: str
    recipe: Mapping[str, Any] | None = None
    classes: tuple[str, ...] = ()


def digest_weights(tensors: Mapping[str, Tensor]) -> str:
    """Return a digest of weights and buffers. It does not depend on the file that they come from.

    Args:
        tensors: by name, as in a state_dict.
    """
    flat = (tensors[name].detach().cpu().contiguous().flatten() for name in sorted(tensors))
    # NumPy has no bfloat16, so bytes are taken.
    return hash_bytes(*(values.view(torch.uint8).numpy().tobytes() for values in flat))
