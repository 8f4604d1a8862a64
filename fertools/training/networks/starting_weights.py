"""Weights that a network begins with, with what is known of where they come from."""

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
        tensors: by name.
        where: they were read, for messages.
        recipe: every value of the recipe of the run that wrote them, by key; None for weights from elsewhere.
    """

    tensors: Mapping[str, Tensor]
    where: str
    recipe: Mapping[str, Any] | None = None


def digest_weights(tensors: Mapping[str, Tensor]) -> str:
    """Return a digest of weights and buffers. It does not depend on the file that they come from.

    Args:
        tensors: by name, as in a state_dict.
    """
    flat = (tensors[name].detach().cpu().contiguous().flatten() for name in sorted(tensors))
    # NumPy has no bfloat16, so bytes are taken.
    return hash_bytes(*(values.view(torch.uint8).numpy().tobytes() for values in flat))
