"""The first convolution of AlexNet, as features of the look of a picture: edges, colours and textures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fertools.core.errors import InputError
from fertools.training.networks.feature_maps import IMAGENET, TRAINED_PX, FeatureNetwork

_TORCH, _FLAX = ("features.0.weight", "features.0.bias"), ("AlexNet_0/Conv_0/kernel", "AlexNet_0/Conv_0/bias")
"""Names of its weights in the layouts of torchvision and of flax."""


class FirstConvolution(nn.Module):
    """The 64 filters of 11 x 11 pixels of AlexNet's first layer, without the ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 64, 11, 4, 2)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the Nx64x55x55 map of Nx3x224x224 pictures."""
        return [self.convolution(images)]


def build_first_convolution(weights: Mapping[str, Tensor] | None = None, where: str = "") -> FeatureNetwork:
    """Return the frozen first convolution of AlexNet; it resizes and scales pictures in [-1, 1] as ImageNet's.

    Args:
        weights: tensors by name of an AlexNet, in the layout of torchvision or flax; None for random weights, which are
            always the same.
        where: source of the weights, for the message.

    Raises:
        InputError: they are not the weights of an AlexNet.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = FirstConvolution()
    if weights is not None:
        kernel, bias = (weights.get(one, weights.get(other)) for one, other in zip(_TORCH, _FLAX, strict=True))
        if kernel is not None and _FLAX[0] in weights and kernel.ndim == 4:
            kernel = kernel.permute(3, 2, 0, 1)
        if kernel is None or bias is None or kernel.shape != body.convolution.weight.shape or len(bias) != 64:
            raise InputError(f"{where} has no first convolution of an AlexNet; give its weights, such as alexnet-lpips")
        body.load_state_dict({"convolution.weight": kernel, "convolution.bias": bias})
    return FeatureNetwork(body, IMAGENET, TRAINED_PX)
