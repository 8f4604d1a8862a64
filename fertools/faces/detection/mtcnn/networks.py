"""The three convolutional networks of MTCNN.

All of them take pixels scaled to (value - 127.5) / 128. Their outputs are whether the window is a face and the offsets
of its box. The last network also outputs the five points. None of them uses padding, so an output depends only on a
fixed window.

Source: Zhang, Zhang, Li and Qiao, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks", IEEE Signal Processing Letters 23(10), 2016, fig. 2. Channel counts and layer names are those of the
published weights (28 instead of 32 channels in the first layer of R-Net, PReLU everywhere).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PNet(nn.Module):
    """The proposal network: a 12 x 12 window slid over a picture in steps of 2 pixels; 6,632 parameters.

    The input is (batch, 3, height, width), both sides at least 12. The output is features of shape
    (batch, ceil(height / 2) - 5, ceil(width / 2) - 5, 32), from which `logits` and `heads` compute the results.
    Feature (row, column) depends on the pixels from (2 row, 2 column) to (2 row + 11, 2 column + 11).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 10, 3)
        self.prelu1 = nn.PReLU(10)
        self.conv2 = nn.Conv2d(10, 16, 3)
        self.prelu2 = nn.PReLU(16)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.prelu3 = nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of every window."""
        x = _halve(_prelu(self.conv1(pictures), self.prelu1.weight))
        x = self.prelu2(self.conv2(x))
        features: Tensor = self.prelu3(self.conv3(x))
        return features.permute(0, 2, 3, 1)

    def logits(self, features: Tensor) -> Tensor:
        """Return the face logits, shape (...,), of features (..., 32).

        The softmax of two numbers is the logistic function of their difference. So one product replaces the two-channel
        convolution and the softmax over the whole picture.
        """
        weight = self.conv4_1.weight.flatten(1)
        level = F.linear(features.new_zeros(1, weight.shape[1]), weight, self.conv4_1.bias)[0]
        logits: Tensor = features @ (weight[1] - weight[0]) + (level[1] - level[0])
        return logits

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the face probability (n,) and the box offsets (n, 4) of features (n, 32)."""
        logits = F.linear(features, self.conv4_1.weight.flatten(1), self.conv4_1.bias)
        offsets = F.linear(features, self.conv4_2.weight.flatten(1), self.conv4_2.bias)
        return logits.softmax(1)[:, 1], offsets


class RNet(nn.Module):
    """The refinement network: classifies 24 x 24 crops; 100,178 parameters.

    Maps (n, 3, 24, 24) to the face probability (n,) and the box offsets (n, 4), in units of the box's sides.
    """

    INPUT_PX = 24

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 28, 3)
        self.prelu1 = nn.PReLU(28)
        self.conv2 = nn.Conv2d(28, 48, 3)
        self.prelu2 = nn.PReLU(48)
        self.conv3 = nn.Conv2d(48, 64, 2)
        self.prelu3 = nn.PReLU(64)
        self.dense4 = nn.Linear(576, 128)
        self.prelu4 = nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)
        self.dense5_2 = nn.Linear(128, 4)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and offsets."""
        x = F.max_pool2d(self.prelu1(self.conv1(crops)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(x))
        x = self.prelu4(self.dense4(_columns_first(x)))
        return self.dense5_1(x).softmax(1)[:, 1], self.dense5_2(x)


class ONet(nn.Module):
    """The output network: classifies 48 x 48 crops and locates the five points; 389,040 parameters.

    Maps (n, 3, 48, 48) to the face probability (n,), the box offsets (n, 4) and the points (n, 2, 5): the x of all
    five, then the y, in units of the box's sides from its upper left corner.
    """

    INPUT_PX = 48

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.prelu1 = nn.PReLU(32)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.prelu2 = nn.PReLU(64)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.prelu3 = nn.PReLU(64)
        self.conv4 = nn.Conv2d(64, 128, 2)
        self.prelu4 = nn.PReLU(128)
        self.dense5 = nn.Linear(1152, 256)
        self.prelu5 = nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)
        self.dense6_2 = nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return probabilities, offsets and points."""
        x = F.max_pool2d(self.prelu1(self.conv1(crops)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu4(self.conv4(x))
        x = self.prelu5(self.dense5(_columns_first(x)))
        return self.dense6_1(x).softmax(1)[:, 1], self.dense6_2(x), self.dense6_3(x).reshape(-1, 2, 5)


def _columns_first(x: Tensor) -> Tensor:
    """Flatten (n, channels, height, width) as the dense layers were trained: columns, then rows, then channels."""
    return x.permute(0, 3, 2, 1).flatten(1)


def _prelu(x: Tensor, slopes: Tensor) -> Tensor:
    """Return `F.prelu(x, slopes)`, computed over whole rows of pixels.

    In channels-last order on a CPU, torch's inner loop has one pass per channel: ten in P-Net's first layer. With the
    slopes of a whole row it has thousands. From 16 channels on there is no gain.
    """
    rows = x.permute(0, 2, 3, 1)
    activated = F.prelu(rows.flatten(2).flatten(0, 1), slopes.repeat(rows.shape[2]))
    return activated.view(rows.shape).permute(0, 3, 1, 2)


def _halve(x: Tensor) -> Tensor:
    """Max-pool 2 x 2 in steps of 2; an odd last row or column is pooled alone.

    The result equals `max_pool2d(x, 2, 2, ceil_mode=True)`, several times faster on a CPU in channels-last order.
    """
    for dim in (2, 3):
        size = x.shape[dim]
        index = (slice(None),) * dim
        even, odd = x[(*index, slice(0, None, 2))], x[(*index, slice(1, None, 2))]
        pooled = torch.maximum(even.narrow(dim, 0, size // 2), odd)
        x = torch.cat([pooled, even.narrow(dim, size // 2, 1)], dim) if size % 2 else pooled
    return x
