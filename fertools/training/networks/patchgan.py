"""PatchGAN: a discriminator that classifies every patch of an image separately.

Layers are named as in the reference implementation (`model.0`, `model.2`, ...), so that its published weights load by
name.

Source: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017), section 3.2.2; norms
and biases of CycleGAN from junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from __future__ import annotations

from torch import Tensor, nn

from fertools.training.networks.initial_weights import init_normal

_SLOPE = 0.2
"""Slope of the leaky ReLU for negative values."""
_WIDEST = 8
"""Largest number of channels of a layer, as a multiple of the channels of the first layer."""


class PatchGan(nn.Module):
    """A convolutional discriminator. Each of its outputs sees one patch: 70x70 pixels with three layers.

    With instance norm, the images of a batch do not influence one another. So real and generated images may share a
    batch.

    Args:
        layers: number of convolutions with stride 2. Two with stride 1 follow them.
        conv_dim: channels of the first layer.
        inputs: channels of the images.

    Example:
        >>> discriminator = PatchGan()
        >>> sum(parameter.numel() for parameter in discriminator.parameters())
        2764737
    """

    def __init__(self, layers: int = 3, conv_dim: int = 64, inputs: int = 3) -> None:
        super().__init__()
        modules: list[nn.Module] = [nn.Conv2d(inputs, conv_dim, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE, True)]
        width = conv_dim
        for number in range(1, layers + 1):
            before, width = width, conv_dim * min(2**number, _WIDEST)
            stride = 2 if number < layers else 1
            modules += [
                nn.Conv2d(before, width, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(width),
                nn.LeakyReLU(_SLOPE, True),
            ]
        self.model = nn.Sequential(*modules, nn.Conv2d(width, 1, 4, stride=1, padding=1))
        init_normal(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return Nx1xhxw logits, one for each patch, of NxCxHxW images of `patchgan_least_px` pixels or more."""
        logits: Tensor = self.model(images)
        return logits
