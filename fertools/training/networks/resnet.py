"""Residual networks of 18, 34, 38, 50 and 101 layers.

Layers are named as in torchvision (`layer1.0.conv1`, `fc`, ...), so that weights published in its layout load by name.

Source: He et al., "Deep Residual Learning for Image Recognition" (2016), table 1 and figure 5. As in torchvision, the
stride of a bottleneck is in its 3x3 convolution; the paper has it in the first 1x1. Zhang et al., "Facial Expression
Recognition in the Wild" (2018), name 38 layers and no blocks; theirs is ours with two more basic blocks than 34 layers.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.core.errors import InputError

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 38: (3, 4, 6, 5), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks per stage; networks of 50 and more layers have bottlenecks."""
_WIDTHS = (64, 128, 256, 512)
# With fewer input channels, in the layout "channels last", oneDNN 3.12 (torch 2.13) writes past the gradient of a 1x1
# convolution with stride 2, on processors without AVX-512.
_FEWEST = 8


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a skip connection.

    Args:
        inputs: number of input channels.
        width: channels of both convolutions, and number of output channels.
        stride: stride of the first convolution.
    """

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _projection(inputs, width, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Return Nxwidthxhxw features of NxinputsxHxW ones."""
        skip = features if self.downsample is None else self.downsample(features)
        inner = F.relu(self.bn1(self.conv1(features)), inplace=True)
        return F.relu(self.bn2(self.conv2(inner)) + skip, inplace=True)


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution with a skip connection.

    Args:
        inputs: number of input channels.
        width: channels of the first two convolutions; there are four times as many output channels.
        stride: stride of the 3x3 convolution.
        original: whether the first 1x1 convolution has the stride instead.
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, *, original: bool = False) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, stride if original else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1 if original else stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _projection(inputs, outputs, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Return Nx(4 width)xhxw features of NxinputsxHxW ones."""
        skip = features if self.downsample is None else self.downsample(features)
        inner = F.relu(self.bn1(self.conv1(features)), inplace=True)
        inner = F.relu(self.bn2(self.conv2(inner)), inplace=True)
        return F.relu(self.bn3(self.conv3(inner)) + skip, inplace=True)


class ResNet(nn.Module):
    """A residual network with global average pooling and a linear head.

    Args:
        depth: number of layers: 18, 34, 38, 50 or 101.
        outputs: number of outputs of the head.
        width: factor of the channels of every layer, which has at least 8; published weights have 1.
        dropout: probability of dropout before the head.
        original: whether to build the form of the paper and of its Caffe model, for weights converted from Caffe. The
            stride of a bottleneck is then in its first convolution; the first pooling has no padding and rounds up.

    Example:
        >>> sum(weight.numel() for weight in ResNet(34, 7).parameters())
        21288263
    """

    def __init__(
        self, depth: int, outputs: int, width: float = 1.0, dropout: float = 0.0, *, original: bool = False
    ) -> None:
        super().__init__()
        bottleneck = functools.partial(Bottleneck, original=original)
        block, expansion = (bottleneck, 4) if depth >= 50 else (BasicBlock, 1)
        widths = [max(_FEWEST, round(width * channels)) for channels in _WIDTHS]
        self.dropout = dropout
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, 2, 0, ceil_mode=True) if original else nn.MaxPool2d(3, 2, 1)
        inputs = widths[0]
        for number, (count, channels) in enumerate(zip(DEPTHS[depth], widths, strict=True), start=1):
            blocks = []
            for index in range(count):
                blocks.append(block(inputs, channels, 2 if index == 0 and number > 1 else 1))
                inputs = channels * expansion
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return five maps: of the first convolution, at half the side of the images, and of the four stages."""
        maps = [F.relu(self.bn1(self.conv1(images)), inplace=True)]
        features = self.maxpool(maps[0])
        for number in range(1, 5):
            features = self.get_submodule(f"layer{number}")(features)
            maps.append(features)
        return maps

    def stages(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of the four stages, with 1/4, 1/8, 1/16 and 1/32 of the side of the images."""
        return self.maps(images)[1:]

    def forward_with_stages(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the N x outputs of the network, and the feature maps of its four stages, computed once."""
        stages = self.stages(images)
        return self.finish(stages[-1], len(stages)), stages

    def begin(self, images: Tensor, stages: int) -> Tensor:
        """Return the map of stage number `stages`, 1 to 4; later layers are not computed."""
        features: Tensor = self.maxpool(F.relu(self.bn1(self.conv1(images)), inplace=True))
        for number in range(1, stages + 1):
            features = self.get_submodule(f"layer{number}")(features)
        return features

    def finish(self, features: Tensor, stages: int) -> Tensor:
        """Return the Nxoutputs outputs of the network from the map that `begin` returned for the same `stages`."""
        for number in range(stages + 1, 5):
            features = self.get_submodule(f"layer{number}")(features)
        outputs: Tensor = self.fc(F.dropout(features.mean(dim=(2, 3)), self.dropout, self.training))
        return outputs

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the network in place as `nn.Module.compile` does, and with it its other ways through the layers."""
        super().compile(*args, **options)
        for name in ("begin", "finish", "stages", "forward_with_stages"):
            setattr(self, name, torch.compile(getattr(self, name), *args, **options))

    def forward(self, images: Tensor) -> Tensor:
        """Return N x outputs of Nx3xHxW normalised images."""
        return self.finish(self.begin(images, 4), 4)


def like_weights(weights: Mapping[str, Tensor], where: str) -> ResNet:
    """Return a ResNet with weights; its depth, its width and the size of its head are those of the weights.

    Args:
        weights: tensors by name, with the names of torchvision.
        where: source of the weights, for the message.

    Raises:
        InputError: they are not the weights of a ResNet.
    """
    refused = InputError(f"{where} does not hold the weights of a ResNet; give those of one, such as of a classifier")
    found = [re.match(r"layer([1-4])\.(\d+)\.", name) for name in weights]
    blocks = Counter(stage for stage, _ in {(match[1], match[2]) for match in found if match})
    counts, deep = tuple(blocks[stage] for stage in "1234"), "layer1.0.conv3.weight" in weights
    depth = next((depth for depth, known in DEPTHS.items() if known == counts and (depth >= 50) == deep), None)
    head, last = weights.get("fc.weight"), weights.get("layer4.0.conv1.weight")
    if depth is None or head is None or last is None or head.ndim != 2:
        raise refused
    network = ResNet(depth, len(head), len(last) / _WIDTHS[-1])
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise refused from error
    return network


def _projection(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the 1x1 convolution of a skip connection; None if the shapes are equal."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
