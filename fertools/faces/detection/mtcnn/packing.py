"""Arrange the weights of the networks in the order of the compiled code.

A layer is its kernel, its biases and its PReLU slopes, all in one array. P-Net's kernels keep the order of torch.
Kernels of R-Net and O-Net are split into blocks of output channels, in the order of the inner loops. Convolutions of
3 x 3, except the first, are transformed for Winograd's algorithm (see `refine.cpp`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
State = Mapping[str, Floats]

_CHANNELS, _DENSE_CHANNELS = 4, 8
"""Channels per block of a convolution and of a dense layer: `CHANNELS` and `DENSE_CHANNELS` in `refine.cpp`."""


def pack_pnet(state: State) -> Floats:
    """Return the weights of P-Net; only the difference of its two logits, face and no face, is needed."""
    trunk = [state[f"{layer}{number}.{kind}"] for number in (1, 2, 3) for layer, kind in _KINDS]
    face, bias = state["conv4_1.weight"].reshape(2, -1), state["conv4_1.bias"]
    head = [face[1] - face[0], bias[1:] - bias[:1], state["conv4_2.weight"], state["conv4_2.bias"]]
    return _joined([*trunk, *head])


def pack_rnet(state: State) -> Floats:
    """Return the weights of R-Net."""
    return _joined(
        [*_convolutions(state, 3), *_dense(state, ["dense4"], "prelu4"), *_dense(state, ["dense5_1", "dense5_2"])]
    )


def pack_onet(state: State) -> Floats:
    """Return the weights of O-Net."""
    heads = ["dense6_1", "dense6_2", "dense6_3"]
    return _joined([*_convolutions(state, 4), *_dense(state, ["dense5"], "prelu5"), *_dense(state, heads)])


_KINDS = (("conv", "weight"), ("conv", "bias"), ("prelu", "weight"))


def _convolutions(state: State, count: int) -> list[Floats]:
    parts = []
    for number in range(1, count + 1):
        kernel, bias, slopes = (state[f"{layer}{number}.{kind}"] for layer, kind in _KINDS)
        parts += [_direct(kernel) if number == 1 or kernel.shape[-1] != 3 else _at_points(kernel), bias, slopes]
    return parts


def _direct(kernel: Floats) -> Floats:
    """Return a kernel by block of channels, column, row, input channel and channel of the block."""
    return kernel.reshape(-1, _CHANNELS, *kernel.shape[1:]).transpose(0, 4, 3, 2, 1)


def _at_points(kernel: Floats) -> Floats:
    """Return a kernel at Winograd's points: by block of channels, point, input channel and channel of the block."""
    ways = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    points: Floats = np.einsum("xi,yj,ocji->xyoc", ways, ways, kernel.astype(np.float64)).astype(np.float32)
    return points.reshape(16, -1, _CHANNELS, kernel.shape[1]).transpose(1, 0, 3, 2)


def _dense(state: State, names: list[str], slopes: str | None = None) -> list[Floats]:
    """Return a dense layer, or several with the same input joined, padded with zeros to whole blocks."""
    weight = np.concatenate([state[f"{name}.weight"] for name in names])
    bias = np.concatenate([state[f"{name}.bias"] for name in names])
    more = -len(bias) % _DENSE_CHANNELS
    blocks = np.pad(weight, ((0, more), (0, 0))).reshape(-1, _DENSE_CHANNELS, weight.shape[1])
    activated = [] if slopes is None else [state[f"{slopes}.weight"]]
    return [blocks.transpose(0, 2, 1), np.pad(bias, (0, more)), *activated]


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate([part.ravel() for part in parts])
