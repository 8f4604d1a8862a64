"""MobileFaceNet, a small face recognition network, with the layer names of TreB1eN/InsightFace_Pytorch.

Source: Chen, Liu, Gao and Han, "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile
Devices", CCBR 2018, table 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from fertools.training.networks.pretrained import take_weights

SIZE_PX = 112


class _Convolution(nn.Module):
    """A convolution, batch normalisation and, unless it is linear, a PReLU."""

    def __init__(
        self, inputs: int, width: int, kernel: int = 1, stride: int = 1, pad: int = 0, groups: int = 1, *, linear: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, kernel, stride, pad, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.prelu = None if linear else nn.PReLU(width)

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.bn(self.conv(images))
        return values if self.prelu is None else self.prelu(values)


class _Bottleneck(nn.Module):
    """An inverted residual block: widen, filter each channel, narrow."""

    def __init__(self, inputs: int, width: int, inner: int, stride: int) -> None:
        super().__init__()
        self.conv = _Convolution(inputs, inner, linear=False)
        self.conv_dw = _Convolution(inner, inner, 3, stride, 1, inner, linear=False)
        self.project = _Convolution(inner, width, linear=True)
        self._residual = stride == 1

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.project(self.conv_dw(self.conv(images)))
        return images + values if self._residual else values


class _Stage(nn.Module):
    def __init__(self, width: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(_Bottleneck(width, width, inner, 1) for _ in range(blocks)))

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.model(images)
        return values


class MobileFaceNet(nn.Module):
    """Embeds faces: N x 3 x 112 x 112 to N x width of length 1.

    Args:
        width: number of values of an embedding.
    """

    def __init__(self, width: int = 512) -> None:
        super().__init__()
        self.width = width
        self.conv1 = _Convolution(3, 64, 3, 2, 1, linear=False)
        self.conv2_dw = _Convolution(64, 64, 3, 1, 1, 64, linear=False)
        self.conv_23 = _Bottleneck(64, 64, 128, 2)
        self.conv_3 = _Stage(64, 128, 4)
        self.conv_34 = _Bottleneck(64, 128, 256, 2)
        self.conv_4 = _Stage(128, 256, 6)
        self.conv_45 = _Bottleneck(128, 128, 512, 2)
        self.conv_5 = _Stage(128, 256, 2)
        self.conv_6_sep = _Convolution(128, 512, linear=False)
        self.conv_6_dw = _Convolution(512, 512, 7, 1, 0, 512, linear=True)
        self.linear = nn.Linear(512, width, bias=False)
        self.bn = nn.BatchNorm1d(width)

    def forward(self, images: Tensor) -> Tensor:
        """Return N x width embeddings of N x 3 x 112 x 112 faces on the scale of `prepare`."""
        values = images
        for name, layer in self.named_children():
            values = layer(values.flatten(1) if name == "linear" else values)
        return F.normalize(values, dim=1)

    def prepare(self, images: Tensor) -> Tensor:
        """Return N x 3 x S x S faces in [0, 255] resized to 112 pixels and scaled by (x - 127.5) / 128."""
        if tuple(images.shape[2:]) != (SIZE_PX, SIZE_PX):
            images = F.interpolate(images, (SIZE_PX, SIZE_PX), mode="bilinear", align_corners=False, antialias=True)
        return (images - 127.5) / 128


def build_mobilefacenet(weights: Mapping[str, Tensor], where: str) -> MobileFaceNet:
    """Return the network with weights, in evaluation mode.

    Args:
        weights: tensors by name; the last layer says how wide an embedding is.
        where: source of the weights, for the message.

    Raises:
        InputError: a layer is missing or has another shape.
    """
    last = weights.get("linear.weight")
    width = len(last) if last is not None and last.ndim == 2 else 512
    hint = "give those of TreB1eN/InsightFace_Pytorch, or run another network with the embedder onnx"
    return take_weights(MobileFaceNet(width), weights, f"{where} does not have the weights of MobileFaceNet", hint)
