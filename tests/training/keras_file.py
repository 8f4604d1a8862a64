"""A file of Keras with random weights of mini-Xception, and an independent forward pass of it in NumPy and SciPy."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate2d

Floats = NDArray[np.float64]
WIDTHS = (16, 32, 64, 128)


def write_model(path: Path, seed: int = 0, *, classes: int = 7) -> dict[str, Floats]:
    """Write the file and return its weights by `layer/weight`."""
    rng = np.random.default_rng(seed)
    made: dict[str, Floats] = {}

    def conv(number: int, size: int, inputs: int, outputs: int) -> None:
        made[f"conv2d_{number}/kernel"] = rng.normal(0, (size * size * inputs) ** -0.5, (size, size, inputs, outputs))

    def norm(number: int, width: int) -> None:
        layer = f"batch_normalization_{number}"
        made[f"{layer}/gamma"], made[f"{layer}/beta"] = rng.uniform(0.5, 2, width), rng.normal(0, 0.3, width)
        made[f"{layer}/moving_mean"] = rng.normal(0, 0.3, width)
        made[f"{layer}/moving_variance"] = rng.uniform(0.3, 2, width)

    conv(1, 3, 1, 8)
    conv(2, 3, 8, 8)
    norm(1, 8)
    norm(2, 8)
    before = 8
    for block, width in enumerate(WIDTHS):
        conv(3 + block, 1, before, width)
        for place, inputs in enumerate((before, width)):
            layer = f"separable_conv2d_{2 * block + place + 1}"
            made[f"{layer}/depthwise_kernel"] = rng.normal(0, 0.3, (3, 3, inputs, 1))
            made[f"{layer}/pointwise_kernel"] = rng.normal(0, inputs**-0.5, (1, 1, inputs, width))
        for place in range(3):
            norm(3 + 3 * block + place, width)
        before = width
    conv(7, 3, before, classes)
    made["conv2d_7/bias"] = rng.normal(0, 0.3, classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as stored:
        for name, values in made.items():
            layer, weight = name.split("/")
            stored[f"model_weights/{layer}/{layer}_1/{weight}:0"] = values.astype(np.float32)
        stored["optimizer_weights/conv2d_1/kernel:0"] = np.zeros(3, np.float32)
    return {name: values.astype(np.float32).astype(np.float64) for name, values in made.items()}


def forward(weights: dict[str, Floats], grey: Floats) -> Floats:
    """Return the probabilities of one 64 x 64 grey face in [-1, 1], as Keras computes them, channels last."""
    values = grey[:, :, None]
    for number in (1, 2):
        values = _norm(weights, number, _conv(values, weights[f"conv2d_{number}/kernel"], "valid")).clip(0)
    for block in range(len(WIDTHS)):
        shortcut = values[::2, ::2] @ weights[f"conv2d_{3 + block}/kernel"][0, 0]
        shortcut = _norm(weights, 3 + 3 * block, shortcut)
        inner = _norm(weights, 4 + 3 * block, _separable(weights, 2 * block + 1, values)).clip(0)
        inner = _norm(weights, 5 + 3 * block, _separable(weights, 2 * block + 2, inner))
        values = _pool(inner) + shortcut
    maps = _conv(values, weights["conv2d_7/kernel"], "same") + weights["conv2d_7/bias"]
    powers = np.exp(maps.mean(axis=(0, 1)))
    return np.asarray(powers / powers.sum())


def _conv(values: Floats, kernel: Floats, mode: str) -> Floats:
    outputs = [
        sum(correlate2d(values[:, :, i], kernel[:, :, i, o], mode) for i in range(kernel.shape[2]))
        for o in range(kernel.shape[3])
    ]
    return np.stack(outputs, axis=-1)


def _separable(weights: dict[str, Floats], number: int, values: Floats) -> Floats:
    layer = f"separable_conv2d_{number}"
    depthwise = weights[f"{layer}/depthwise_kernel"]
    each = [correlate2d(values[:, :, i], depthwise[:, :, i, 0], "same") for i in range(values.shape[2])]
    return np.asarray(np.stack(each, axis=-1) @ weights[f"{layer}/pointwise_kernel"][0, 0])


def _norm(weights: dict[str, Floats], number: int, values: Floats) -> Floats:
    gamma, beta, mean, variance = (
        weights[f"batch_normalization_{number}/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return np.asarray((values - mean) / np.sqrt(variance + 1e-3) * gamma + beta)


def _pool(values: Floats) -> Floats:
    """Pool 3x3 with stride 2: window i begins at 2i, or at 2i - 1 if the side is odd."""
    side, first = values.shape[0], values.shape[0] % 2
    starts = [2 * i - first for i in range(-(-side // 2))]
    rows = [values[max(start, 0) : start + 3] for start in starts]
    return np.array([[row[:, max(at, 0) : at + 3].max(axis=(0, 1)) for at in starts] for row in rows])
