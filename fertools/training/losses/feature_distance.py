"""The perceptual distance of two pictures: the distance of their feature maps in a network trained for another task.

Source: Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (2016).
Absolute differences are from Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional
GANs" (2018), section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from fertools.training.losses.float32 import widened

Reduction = Literal["mean", "sum"]
"""`mean`: the mean over all elements of a map; `sum`: the sum over each picture's map, then the mean over the batch."""


def feature_distance(
    maps: Sequence[Tensor], others: Sequence[Tensor], weights: Sequence[float], reduction: Reduction = "mean"
) -> Tensor:
    """Return the absolute differences of feature maps as a weighted sum over layers: a scalar in float32 or wider.

    Args:
        maps: maps of N pictures: a tensor per layer, each with N rows.
        others: maps of the N pictures to compare with, of the same shapes.
        weights: weight of each layer.
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
