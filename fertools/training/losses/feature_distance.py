"""The distance of feature maps: how unlike two pictures are to a network that was trained for something else.

Source: Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (2016), for
the idea; Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (2018), section
3.3, for absolute differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from fertools.training.losses.float32 import widened

Reduction = Literal["mean", "sum"]
"""`mean`: over all elements of a map; `sum`: over the elements of each picture's map, then the mean over the batch."""


def feature_distance(
    maps: Sequence[Tensor], others: Sequence[Tensor], weights: Sequence[float], reduction: Reduction = "mean"
) -> Tensor:
    """Return the weighted sum over the layers of absolute differences: a scalar in float32 or wider.

    Args:
        maps: of some pictures, a tensor per layer, each with a row per picture.
        others: of the pictures that they are compared with.
        weights: one per layer.
        reduction: `mean` or `sum`.

    Example:
        >>> feature_distance([torch.ones(2, 3)], [torch.zeros(2, 3)], [0.5], "sum").item()
        1.5
    """
    parts = []
    for found, wanted, weight in zip(maps, others, weights, strict=True):
        apart = (widened(found) - widened(wanted)).abs()
        parts.append(weight * (apart.mean() if reduction == "mean" else apart.flatten(1).sum(dim=1).mean()))
    return torch.stack(parts).sum()
