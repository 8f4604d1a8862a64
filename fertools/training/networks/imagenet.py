"""The scale of colours that networks trained on ImageNet expect."""

from __future__ import annotations

from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Means and standard deviations of red, green and blue in ImageNet, on the scale from 0 to 1."""


def normalised(images: Tensor) -> Tensor:
    """Return Nx3xHxW images in [-1, 1] on the scale of ImageNet: mean 0 and standard deviation 1 per channel."""
    mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return ((images + 1) / 2 - mean) / std
