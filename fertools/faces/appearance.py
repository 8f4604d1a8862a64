"""Appearance descriptor: a short vector that describes how a face looks.

The descriptor distinguishes a face from the other faces of its shot. It identifies nobody.

The face with hair and collar is resized to 16 x 16 pixels. The pixels, normalised by mean and contrast, distinguish
faces in equal poses. A colour histogram distinguishes them when a head has turned. The descriptor includes light,
clothes and hair, so it is valid for seconds within a shot, and not between videos.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.faces.alignment import similarity, warp

SIDE_PX = 16
_BINS = (6, 8, 8)
"""Histogram bins for lightness and for the two colour axes of CIE L*a*b*."""
_RANGES = (0, 100.4, -32, 32, -32, 32)
"""Skin, hair and cloth are near grey, which is zero; the colours of lamps and screens are outside. The range of
lightness includes its maximum of 100."""

_LINEAR = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255], np.float32
)
"""Linear light of each sRGB value."""
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_FROM_WHITE = (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).T.astype(np.float32)
"""From linear sRGB to X, Y and Z, each divided by that of white."""
_FROM_RESPONSES = np.array([[0, 500, 0], [116, -500, 200], [0, 0, -200]], np.float32)


def describe_appearance(frame: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the appearance descriptor of a face; the inner product of two is their cosine similarity.

    Args:
        frame: (height, width, 3) uint8 RGB.
        landmarks: (5, 2) x, y in pixels of `frame`.

    Returns:
        (1152,) float32 of length 1.

    Raises:
        InputError: the landmarks cannot be aligned.
    """
    small = warp(frame, similarity(landmarks, "loose", SIDE_PX), SIDE_PX)
    pixels = small.astype(np.float32).ravel()
    pixels -= pixels.mean()
    colours = cv2.calcHist([_lab(small)], [0, 1, 2], None, _BINS, _RANGES).ravel()
    # The square root of a histogram has length 1; the inner product of two is the Bhattacharyya coefficient.
    shares = np.sqrt(colours / max(float(colours.sum()), 1.0))
    return np.concatenate([pixels / max(float(np.linalg.norm(pixels)), 1e-6), shares]).astype(np.float32) / np.float32(
        np.sqrt(2)
    )


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return an sRGB picture in CIE L*a*b* (1976, white D65).

    OpenCV's own conversion builds tables in its first call, which takes a tenth of a second.
    """
    shares = _LINEAR[rgb] @ _FROM_WHITE
    responses = np.where(shares > 216 / 24389, np.cbrt(shares), shares * np.float32(841 / 108) + np.float32(16 / 116))
    return np.asarray(responses @ _FROM_RESPONSES - np.array([16, 0, 0]), np.float32)
