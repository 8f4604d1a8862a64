"""Residual networks of 18, 34, 50 and 101 layers.

Layers are named as in torchvision (`layer1.0.conv1`, `fc`, ...), so that weights published in its layout load by name.

Source: He et al., "Deep Residual Learning for Image Recognition" (2016), table 1 and figure 5. As in torchvision, a
bottleneck's stride is at its 3x3 convolution, where the paper has it at the first 1x1.
"""

from __future__ import annotations

import functools

from torch import Tensor, nn
from torch.nn import functional as F

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks per stage; from 50 layers on they are bottlenecks."""
_WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a skip.

    Args:
        inputs: channels that come in.
        width: channels of both convolutions, and that go out.
        stride: of the first.
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
    """A 1x1, a 3x3 and a 1x1 convolution around a skip.

    Args:
        inputs: channels that come in.
        width: channels of the first two; four times as many go out.
        stride: of the 3x3 convolution.
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
    """A residual network with a linear head on the mean of its last map.

    Args:
        depth: 18, 34, 50 or 101.
        outputs: numbers that the head gives.
        width: what the channels of every layer are multiplied by; published weights have 1.
        dropout: share of the last features that are left out at random in training.
        original: the form of the paper and of its Caffe model, which weights converted from Caffe need: a bottleneck's
            stride at its first convolution, and a first pooling without padding, rounded up.

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
        widths = [max(1, round(width * channels)) for channels in _WIDTHS]
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
        """Return the map of the first convolution, at half of the pictures' side, and those of the four stages."""
        maps = [F.relu(self.bn1(self.conv1(images)), inplace=True)]
        features = self.maxpool(maps[0])
        for number in range(1, 5):
            features = self.get_submodule(f"layer{number}")(features)
            maps.append(features)
        return maps

    def stages(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the four stages, at a 4th, 8th, 16th and 32nd of the pictures' side."""
        return self.maps(images)[1:]

    def forward(self, images: Tensor) -> Tensor:
        """Return Nxoutputs numbers of Nx3xHxW pictures, normalised as the weights ask for."""
        features = self.stages(images)[-1].mean(dim=(2, 3))
        outputs: Tensor = self.fc(F.dropout(features, self.dropout, self.training))
        return outputs


def _projection(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the 1x1 convolution that makes a skip fit; None where it fits already."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
