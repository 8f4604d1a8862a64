"""FaceNet, the face recognition network: Inception-ResNet v1 with the layer names of facenet-pytorch.

The weights of that package, such as `20180402-114759-vggface2.pt`, load by name. The package itself needs torchvision,
which fertools does not use.

Source: Schroff et al., "FaceNet" (2015), for embeddings of faces. The blocks are from Szegedy et al., "Inception-v4,
Inception-ResNet and the Impact of Residual Connections on Learning" (2017). Widths and scales of residuals are from
David Sandberg's facenet; facenet-pytorch was converted from it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fertools.training.networks.inception import Convolution, Shape, conv
from fertools.training.networks.pretrained import take_weights

SIZE_PX = 160
_Branch = tuple[Shape, ...]


class _Branches(nn.Module):
    """Chains of convolutions side by side, named `branch0`, `branch1` and so on."""

    def __init__(self, inputs: int, branches: tuple[_Branch, ...]) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            widths = [inputs, *(shape[0] for shape in branch)]
            chain = [Convolution(width, shape) for width, shape in zip(widths, branch, strict=False)]
            self.add_module(f"branch{number}", chain[0] if len(chain) == 1 else nn.Sequential(*chain))
        self._count = len(branches)

    def each(self, images: Tensor) -> list[Tensor]:
        return [self.get_submodule(f"branch{number}")(images) for number in range(self._count)]


class _Residual(_Branches):
    """x + scale · conv(concatenated branches), with a ReLU unless it is the last block."""

    def __init__(self, inputs: int, branches: tuple[_Branch, ...], scale: float, *, last: bool = False) -> None:
        super().__init__(inputs, branches)
        self.conv2d = nn.Conv2d(sum(branch[-1][0] for branch in branches), inputs, 1)
        self._scale, self._last = scale, last

    def forward(self, images: Tensor) -> Tensor:
        changed = images + self._scale * self.conv2d(torch.cat(self.each(images), dim=1))
        return changed if self._last else F.relu(changed)


class _Reduction(_Branches):
    """Branches that halve the size, beside a 3 x 3 maximum pooling that also halves it."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([*self.each(images), F.max_pool2d(images, 3, 2)], dim=1)


def _block_35() -> _Residual:
    small = conv(32, 3, same=True)
    return _Residual(256, ((conv(32),), (conv(32), small), (conv(32), small, small)), 0.17)


def _block_17() -> _Residual:
    chain = (conv(128), conv(128, (1, 7), same=True), conv(128, (7, 1), same=True))
    return _Residual(896, ((conv(128),), chain), 0.10)


def _block_8(scale: float, *, last: bool = False) -> _Residual:
    chain = (conv(192), conv(192, (1, 3), same=True), conv(192, (3, 1), same=True))
    return _Residual(1792, ((conv(192),), chain), scale, last=last)


class Facenet(nn.Module):
    """Embeds faces: N x 3 x 160 x 160 to N x 512 of length 1. The cosine of two embeddings is their similarity."""

    width = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Convolution(3, conv(32, 3, 2))
        self.conv2d_2a = Convolution(32, conv(32, 3))
        self.conv2d_2b = Convolution(32, conv(64, 3, same=True))
        self.conv2d_3b = Convolution(64, conv(80))
        self.conv2d_4a = Convolution(80, conv(192, 3))
        self.conv2d_4b = Convolution(192, conv(256, 3, 2))
        self.repeat_1 = nn.Sequential(*(_block_35() for _ in range(5)))
        self.mixed_6a = _Reduction(256, ((conv(384, 3, 2),), (conv(192), conv(192, 3, same=True), conv(256, 3, 2))))
        self.repeat_2 = nn.Sequential(*(_block_17() for _ in range(10)))
        self.mixed_7a = _Reduction(
            896,
            (
                (conv(256), conv(384, 3, 2)),
                (conv(256), conv(256, 3, 2)),
                (conv(256), conv(256, 3, same=True), conv(256, 3, 2)),
            ),
        )
        self.repeat_3 = nn.Sequential(*(_block_8(0.20) for _ in range(5)))
        self.block8 = _block_8(1.0, last=True)
        self.last_linear = nn.Linear(1792, self.width, bias=False)
        self.last_bn = nn.BatchNorm1d(self.width, eps=0.001)

    def forward(self, images: Tensor) -> Tensor:
        """Return N x 512 embeddings of N x 3 x 160 x 160 faces on the scale of `prepare`."""
        values = images
        for name, layer in self.named_children():
            if name == "last_linear":
                values = values.mean(dim=(2, 3))
            values = layer(values)
            if name == "conv2d_2b":
                values = F.max_pool2d(values, 3, 2)
        return F.normalize(values, dim=1)

    def prepare(self, images: Tensor) -> Tensor:
        """Return N x 3 x S x S faces in [0, 255] resized to 160 pixels and scaled by (x - 127.5) / 128."""
        sized = F.interpolate(images, (SIZE_PX, SIZE_PX), mode="bilinear", align_corners=False, antialias=True)
        return (sized - 127.5) / 128


def build_facenet(weights: Mapping[str, Tensor], where: str) -> Facenet:
    """Return the network with weights, in evaluation mode.

    Args:
        weights: tensors by name; those of the classification layer are not used.
        where: source of the weights, for the message.

    Raises:
        InputError: a layer is missing or has another shape.
    """
    hint = "give 20180402-114759-vggface2.pt of the facenet-pytorch project"
    return take_weights(Facenet(), weights, f"{where} does not have the weights of facenet's Inception-ResNet v1", hint)
