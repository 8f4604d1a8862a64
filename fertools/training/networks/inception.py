"""Inception v3, which computes the features of FID and KID.

Published distances use the TensorFlow release of 2015. It differs from later releases in its poolings: averages do not
count the padding, and the last block takes the maximum. The pytorch-fid project converted its weights
(`pt_inception-2015-12-05-6726825d.pth`, with 1008 outputs). torchvision's weights (`inception_v3_google-0cc3c7bd.pth`,
with 1000) are of a later release with the same layer names. They are used with their own poolings. Distances by these
weights can be compared only with one another.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2016); Heusel et al., "GANs Trained
by a Two Time-Scale Update Rule" (2017). Layer names are from torchvision's `inception_v3`; pytorch-fid keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fertools.training.networks.pretrained import take_weights

SIZE_PX = 299
_LATER_OUTPUTS = 1000
"""Outputs of the later release; the first has 1008."""
Shape = tuple[int, tuple[int, int], int, tuple[int, int]]
"""Channels, kernel, stride and padding of a convolution."""


def conv(channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1, *, same: bool = False) -> Shape:
    """Return the shape of a convolution; with `same`, its padding keeps the size."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return channels, (height, width), stride, ((height - 1) // 2, (width - 1) // 2) if same else (0, 0)


class Convolution(nn.Module):
    """A convolution without bias, followed by batch norm and ReLU.

    Args:
        inputs: number of input channels.
        shape: shape of the convolution.
    """

    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        channels, kernel, stride, padding = shape
        self.conv = nn.Conv2d(inputs, channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature maps of NxCxHxW images."""
        return F.relu(self.bn(self.conv(images)), inplace=True)


_Branch = tuple[tuple[str, Shape] | tuple[tuple[str, Shape], tuple[str, Shape]], ...]
"""Convolutions in order; the outputs of a parallel pair are concatenated."""


class _Block(nn.Module):
    """Parallel branches, concatenated along channels; the last one is a pooling, with an optional convolution.

    Args:
        inputs: number of input channels.
        branches: convolutions of the branches.
        pool: `average` (without the padding), `padded` (average with zero padding) or `maximum`, which keep the size;
            or `halved`, a maximum with stride 2.
        pool_channels: channels of the convolution after the pooling; None for no convolution.
    """

    def __init__(self, inputs: int, branches: tuple[_Branch, ...], pool: str, pool_channels: int | None) -> None:
        super().__init__()
        self._branches, self._pool, self._pooled = branches, pool, pool_channels is not None
        for branch in branches:
            channels = inputs
            for entry in branch:
                pair = entry if isinstance(entry[0], tuple) else (entry,)
                for name, shape in pair:
                    self.add_module(str(name), Convolution(channels, shape))
                channels = sum(shape[0] for _, shape in pair)
        if pool_channels is not None:
            self.branch_pool = Convolution(inputs, conv(pool_channels))

    def forward(self, images: Tensor) -> Tensor:
        outputs = []
        for branch in self._branches:
            values = images
            for entry in branch:
                pair = entry if isinstance(entry[0], tuple) else (entry,)
                values = torch.cat([self.get_submodule(str(name))(values) for name, _ in pair], dim=1)
            outputs.append(values)
        if self._pool in ("average", "padded"):
            pooled = F.avg_pool2d(images, 3, 1, 1, count_include_pad=self._pool == "padded")
        else:
            stride, padding = (2, 0) if self._pool == "halved" else (1, 1)
            pooled = F.max_pool2d(images, 3, stride, padding)
        return torch.cat([*outputs, self.branch_pool(pooled) if self._pooled else pooled], dim=1)


def _block_a(inputs: int, pooled: int, pool: str) -> _Block:
    five = (("branch5x5_1", conv(48)), ("branch5x5_2", conv(64, 5, same=True)))
    double = (
        ("branch3x3dbl_1", conv(64)),
        ("branch3x3dbl_2", conv(96, 3, same=True)),
        ("branch3x3dbl_3", conv(96, 3, same=True)),
    )
    return _Block(inputs, ((("branch1x1", conv(64)),), five, double), pool, pooled)


def _block_b(inputs: int) -> _Block:
    double = (
        ("branch3x3dbl_1", conv(64)),
        ("branch3x3dbl_2", conv(96, 3, same=True)),
        ("branch3x3dbl_3", conv(96, 3, 2)),
    )
    return _Block(inputs, ((("branch3x3", conv(384, 3, 2)),), double), "halved", None)


def _block_c(width: int, pool: str) -> _Block:
    across, down = (1, 7), (7, 1)
    seven = (
        ("branch7x7_1", conv(width)),
        ("branch7x7_2", conv(width, across, same=True)),
        ("branch7x7_3", conv(192, down, same=True)),
    )
    double = (
        ("branch7x7dbl_1", conv(width)),
        ("branch7x7dbl_2", conv(width, down, same=True)),
        ("branch7x7dbl_3", conv(width, across, same=True)),
        ("branch7x7dbl_4", conv(width, down, same=True)),
        ("branch7x7dbl_5", conv(192, across, same=True)),
    )
    return _Block(768, ((("branch1x1", conv(192)),), seven, double), pool, 192)


def _block_d() -> _Block:
    seven = (
        ("branch7x7x3_1", conv(192)),
        ("branch7x7x3_2", conv(192, (1, 7), same=True)),
        ("branch7x7x3_3", conv(192, (7, 1), same=True)),
        ("branch7x7x3_4", conv(192, 3, 2)),
    )
    three = (("branch3x3_1", conv(192)), ("branch3x3_2", conv(320, 3, 2)))
    return _Block(768, (three, seven), "halved", None)


def _block_e(inputs: int, pool: str) -> _Block:
    across, down = conv(384, (1, 3), same=True), conv(384, (3, 1), same=True)
    three = (("branch3x3_1", conv(384)), (("branch3x3_2a", across), ("branch3x3_2b", down)))
    double = (
        ("branch3x3dbl_1", conv(448)),
        ("branch3x3dbl_2", conv(384, 3, same=True)),
        (("branch3x3dbl_3a", across), ("branch3x3dbl_3b", down)),
    )
    return _Block(inputs, ((("branch1x1", conv(320)),), three, double), pool, 192)


class Inception(nn.Module):
    """Inception v3 up to its last pooling: N x 3 x 299 x 299 in [-1, 1] to N x 2048.

    Args:
        first_release: whether to use the poolings of 2015, as published FID does, or those of later releases.
    """

    width = 2048

    def __init__(self, *, first_release: bool = True) -> None:
        super().__init__()
        average, last = ("average", "maximum") if first_release else ("padded", "padded")
        self.first_release = first_release
        self.Conv2d_1a_3x3 = Convolution(3, conv(32, 3, 2))
        self.Conv2d_2a_3x3 = Convolution(32, conv(32, 3))
        self.Conv2d_2b_3x3 = Convolution(32, conv(64, 3, same=True))
        self.Conv2d_3b_1x1 = Convolution(64, conv(80))
        self.Conv2d_4a_3x3 = Convolution(80, conv(192, 3))
        self.Mixed_5b = _block_a(192, 32, average)
        self.Mixed_5c = _block_a(256, 64, average)
        self.Mixed_5d = _block_a(288, 64, average)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(128, average)
        self.Mixed_6c = _block_c(160, average)
        self.Mixed_6d = _block_c(160, average)
        self.Mixed_6e = _block_c(192, average)
        self.Mixed_7a = _block_d()
        self.Mixed_7b = _block_e(1280, average)
        self.Mixed_7c = _block_e(2048, last)

    def forward(self, images: Tensor) -> Tensor:
        """Return N x 2048 features of N x 3 x 299 x 299 images in [-1, 1]."""
        values = images
        for name, layer in self.named_children():
            values = layer(values)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                values = F.max_pool2d(values, 3, 2)
        return values.mean(dim=(2, 3))

    def prepare(self, images: Tensor) -> Tensor:
        """Return N x 3 x S x S images in [0, 255], resized to 299 pixels as in pytorch-fid and scaled to [-1, 1]."""
        return F.interpolate(images / 127.5 - 1, (SIZE_PX, SIZE_PX), mode="bilinear", align_corners=False)


def build_inception(weights: Mapping[str, Tensor], where: str) -> Inception:
    """Return the network with weights, in evaluation mode.

    Args:
        weights: tensors by name, of the first or a later release; the size of the last layer shows which. The last
            layer and the auxiliary one are not used.
        where: source of the weights, for the message.

    Raises:
        InputError: a layer is missing or has another shape.
    """
    later = "fc.weight" in weights and len(weights["fc.weight"]) == _LATER_OUTPUTS
    network = Inception(first_release=not later)
    hint = "give pt_inception-2015-12-05-6726825d.pth of the pytorch-fid project"
    return take_weights(network, weights, f"{where} does not have the weights of Inception v3", hint)
