"""Resample pictures in integer arithmetic, so that a crop is the same to the bit on every machine.

Each pixel of a crop is a weighted sum of 4 x 4 pixels of the picture. Positions have units of 2^-32 of a pixel and are
rounded to the nearest 128th; weights have units of 2^-14. Floating-point arithmetic ends before the first pixel is
read. Compiled code computes the sums if it is available, else NumPy. Integers leave no room for a difference between
the two.

An enlarged crop uses cubic convolution. A shrunk crop weights each pixel by its area below a square of the size of the
crop's own pixels.

Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 29(6), 1981, with OpenCV's
slope of -0.75.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fertools.core.native.library import library

TAPS = 4
"""Pixels per row and column of the picture that a pixel of the crop reads."""

LARGEST_SPAN = 3.0
"""Maximum side of a crop's pixel, in pixels of the picture, for which four taps are enough."""

FRACTION_BITS, STEP_BITS, WEIGHT_BITS, SUM_BITS = 32, 7, 14, 6
"""Bits of a position within a pixel, of the steps with weights, of a weight, and of the sum of a column."""

_STEPS = 1 << STEP_BITS
_SLOPE = -0.75
_FURTHEST = 1e6
"""Distance outside of the picture, in pixels, beyond which the distance does not matter."""

Ints = NDArray[np.int64]


def resample(picture: NDArray[np.uint8], inverse: NDArray[np.float64], size_px: int) -> NDArray[np.uint8]:
    """Return a crop; beyond the picture its outermost pixels are repeated.

    Args:
        picture: (height, width, 3) uint8.
        inverse: (2, 3) similarity from pixels of the crop to pixels of the picture; it shrinks by at most
            `LARGEST_SPAN`.
        size_px: side of the crop.

    Returns:
        (size_px, size_px, 3) uint8.
    """
    a, b = float(inverse[0, 0]), float(inverse[1, 0])
    span = math.sqrt(a * a + b * b)
    # Rounding must not turn a crop at the picture's own size into a shrunk one.
    enlarges = span <= 1 + 1e-6
    weights = _cubic_weights() if enlarges else _area_weights(span)
    offset = -1.0 if enlarges else 0.5 - span / 2
    positions = _positions(inverse, offset)
    compiled = library()
    if compiled is not None:
        return compiled.resample(picture, positions, weights, size_px)
    return resample_by_numpy(picture, positions, weights, size_px)


def resample_by_numpy(
    picture: NDArray[np.uint8], positions: Ints, weights: NDArray[np.int16], size_px: int
) -> NDArray[np.uint8]:
    """Return the result of the compiled code; see `fertools_resample` in `resample.cpp`.

    Args:
        picture: (height, width, 3) uint8.
        positions: x and y of the first pixel that the crop's first pixel reads, and their steps to the right and down.
        weights: (128, 4) weights by step and tap.
        size_px: side of the crop.
    """
    column, row = np.arange(size_px), np.arange(size_px)[:, None]
    x = positions[0] + column * positions[2] + row * positions[4]
    y = positions[1] + column * positions[3] + row * positions[5]
    across, down = (weights[(at >> (FRACTION_BITS - STEP_BITS)) & (_STEPS - 1)].astype(np.int32) for at in (x, y))
    left, top = x >> FRACTION_BITS, y >> FRACTION_BITS
    height, width = picture.shape[:2]
    total = np.full((size_px, size_px, 3), 1 << (SUM_BITS + WEIGHT_BITS - 1), np.int32)
    for right in range(TAPS):
        columns = (left + right).clip(0, width - 1)
        sums = np.zeros_like(total)
        for below in range(TAPS):
            pixels = picture[(top + below).clip(0, height - 1), columns].astype(np.int32)
            sums += ((pixels << 7) * down[..., below, None] + (1 << 14)) >> 15
        total += sums * across[..., right, None]
    return (total >> (SUM_BITS + WEIGHT_BITS)).clip(0, 255).astype(np.uint8)


def _positions(inverse: NDArray[np.float64], offset: float) -> Ints:
    (a, b, x), (c, d, y) = inverse.tolist()
    half_a_step = 1 << (FRACTION_BITS - STEP_BITS - 1)
    start = [_fixed(x + offset) + half_a_step, _fixed(y + offset) + half_a_step]
    return np.array([*start, *map(_fixed, (a, c, b, d))], np.int64)


def _fixed(number: float) -> int:
    return round(min(max(number, -_FURTHEST), _FURTHEST) * (1 << FRACTION_BITS))


@cache
def _cubic_weights() -> NDArray[np.int16]:
    away = np.abs(np.arange(TAPS) - 1 - np.arange(_STEPS)[:, None] / _STEPS)
    near = ((_SLOPE + 2) * away - (_SLOPE + 3)) * away * away + 1
    far = ((_SLOPE * away - 5 * _SLOPE) * away + 8 * _SLOPE) * away - 4 * _SLOPE
    return _whole(np.where(away <= 1, near, far))


def _area_weights(span: float) -> NDArray[np.int16]:
    begin = np.arange(_STEPS)[:, None] / _STEPS
    tap = np.arange(TAPS)
    return _whole(np.maximum(np.minimum(tap + 1, begin + span) - np.maximum(tap, begin), 0) / span)


def _whole(weights: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return weights as integers that add up to one, so that a uniform area keeps its brightness."""
    whole = np.floor(weights * (1 << WEIGHT_BITS) + 0.5).astype(np.int64)
    whole[np.arange(_STEPS), whole.argmax(axis=1)] += (1 << WEIGHT_BITS) - whole.sum(axis=1)
    return whole.astype(np.int16)
