"""Frozen networks that compute feature maps of faces, for perceptual losses.

Each network resizes and scales the pictures as its weights were trained. All steps are differentiable, so that a loss
on feature maps has a gradient in the pictures.

Source: Johnson, Alahi and Fei-Fei, "Perceptual Losses" (2016), for comparing pictures by feature maps. Means and
layouts are from torchvision (ImageNet), the VGG-Face model converted by S. Albanie, and cydonia999/VGGFace2-pytorch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.networks.names import FEATURE_NETWORKS
from fertools.training.networks.plain import begin_vgg, vgg_layers
from fertools.training.networks.pretrained import take_weights
from fertools.training.networks.resnet import ResNet

TRAINED_PX = 224
"""Side of the pictures that all published networks here were trained on."""


@dataclass(frozen=True)
class Scale:
    """The scale of pixels that a network was trained with.

    Attributes:
        white: value of white before the mean is subtracted.
        mean: means of red, green and blue, which are subtracted.
        std: standard deviations of red, green and blue; the differences are divided by them.
    """

    white: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


IMAGENET = Scale(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
VGGFACE = Scale(255.0, (129.186279296875, 104.76238250732422, 93.59396362304688))
VGGFACE2 = Scale(255.0, (131.0912, 103.8827, 91.4953))


class FeatureNetwork(nn.Module):
    """A network with the resizing and scaling that it needs.

    Args:
        body: module that returns a list of feature maps.
        scale: scale of its pixels.
        size_px: side that pictures are resized to; 0 for no resizing.
    """

    _factor: Tensor
    _offset: Tensor

    def __init__(self, body: nn.Module, scale: Scale, size_px: int = 0) -> None:
        super().__init__()
        self.body, self.size_px = body, size_px
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (scale.mean, scale.std))
        # ((x + 1) / 2 · white - mean) / std, as one product and one sum.
        self.register_buffer("_factor", scale.white / 2 / std, persistent=False)
        self.register_buffer("_offset", (scale.white / 2 - mean) / std, persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return feature maps of Nx3xHxW RGB pictures in [-1, 1]."""
        maps: list[Tensor] = self.body(self.prepare(images))
        return maps

    def prepare(self, images: Tensor) -> Tensor:
        """Return Nx3xHxW RGB pictures in [-1, 1] in the size and on the scale of the network."""
        # The factor is float32, so this product converts half-precision pictures before they are resized.
        return resized(images * self._factor + self._offset, self.size_px)


def resized(images: Tensor, side: int) -> Tensor:
    """Return NxCxHxW images with `side` pixels a side, with a gradient in the images; 0 for no resizing."""
    if side and tuple(images.shape[2:]) != (side, side):
        images = F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
    return images


class VggMaps(nn.Module):
    """The layers of a VGG network up to the first convolution of its last block.

    Args:
        depth: 16 or 19.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        layers = vgg_layers(depth)
        pools = [number for number, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        # A block begins with a convolution, and its ReLU follows.
        self._taken = (1, *(pool + 2 for pool in pools[:-1]))
        self.features = nn.Sequential(*layers[: self._taken[-1] + 1])
        begin_vgg(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of Nx3xHxW pictures of 16 pixels or more."""
        maps = []
        for number, layer in enumerate(self.features):
            images = layer(images)
            if number in self._taken:
                maps.append(images)
        return maps


class ResNetMaps(ResNet):
    """A residual network that returns five maps: of its first convolution, and of its four stages."""

    def forward(self, images: Tensor) -> list[Tensor]:  # type: ignore[override]  # it returns maps, not logits
        """Return five maps of Nx3xHxW pictures of 32 pixels or more."""
        return self.maps(images)


@dataclass(frozen=True)
class _Kind:
    build: Callable[[], nn.Module]
    scale: Scale
    blue_first: bool = False


_KINDS = dict(
    zip(
        FEATURE_NETWORKS,
        (
            _Kind(lambda: VggMaps(19), IMAGENET),
            _Kind(lambda: VggMaps(16), IMAGENET),
            _Kind(lambda: VggMaps(16), IMAGENET),
            _Kind(lambda: VggMaps(16), VGGFACE),
            _Kind(lambda: ResNetMaps(50, 1, original=True), VGGFACE2, blue_first=True),
        ),
        strict=True,
    )
)
MAPS = 5
"""Number of feature maps that each of these networks returns."""


def build_feature_network(
    name: str, size_px: int, weights: Mapping[str, Tensor] | None = None, where: str = ""
) -> FeatureNetwork:
    """Return a network of five maps, in eval mode and without gradients of its weights.

    Args:
        name: one of FEATURE_NETWORKS.
        size_px: side that pictures are resized to; 0 for no resizing.
        weights: tensors by name, in the layout of torchvision, pytorch-mcn or flax; None for random weights.
        where: source of the weights, for the message.

    Raises:
        InputError: the weights belong to another network.
    """
    kind = _KINDS[name]
    body = kind.build()
    if isinstance(body, ResNet):
        # Maps need no head.
        body.fc = nn.Identity()  # type: ignore[assignment]
    if weights is not None:
        found = _as_torchvision(body, weights)
        if kind.blue_first and "conv1.weight" in found:
            # The weights expect BGR. Reversing the channels of the kernel once replaces reversing every picture.
            found["conv1.weight"] = found["conv1.weight"].flip(1)
        take_weights(body, found, f"{where} holds weights of another network than {name}", "give those of this one")
    return FeatureNetwork(body, kind.scale, size_px)


def _as_torchvision(body: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with the names and the order of axes of torchvision."""
    convolutions = [name for name, module in body.named_modules() if isinstance(module, nn.Conv2d)]
    by_block = {}
    block = number = 1
    for name, module in body.named_modules():
        if isinstance(module, nn.MaxPool2d):
            block, number = block + 1, 1
        elif isinstance(module, nn.Conv2d):
            by_block[f"conv{block}_{number}"] = name
            number += 1
    found = {}
    for name, value in weights.items():
        if flax := re.fullmatch(r"(?:VGG\d+_0/)?Conv_(\d+)/(kernel|bias)", name):
            place = int(flax[1])
            if place < len(convolutions):
                ending, value = ("weight", value.permute(3, 2, 0, 1)) if value.ndim == 4 else (flax[2], value)
                found[f"{convolutions[place]}.{ending}"] = value
        else:
            layer, _, ending = name.rpartition(".")
            found[f"{by_block.get(layer, layer)}.{ending}"] = value
    return found
