"""What a face looks like in a few numbers, to tell it from the others in its shot; it knows nobody.

The face with hair and collar is brought to 16 x 16 pixels. What is where (those pixels, brightness and contrast taken
out) tells faces apart that stand alike, and which colours there are (a histogram) tells them apart when a head has
turned. Light, clothes and hair are part of it, so it holds for seconds, within a shot, and not from video to video.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.faces.align import similarity, warp

SIDE_PX = 16
_BINS = (6, 8, 8)
"""Of lightness and of the two axes of colour of CIE L*a*b*, in 8 bits."""
_RANGES = (0, 256, 96, 160, 96, 160)
"""Skin, hair and cloth lie around grey, which is 128; the colours of lamps and screens fall outside."""


def look_of(frame: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the look of a face: (1152,) float32 of length 1, of which two compare by their inner product.

    Args:
        frame: (height, width, 3) uint8 RGB.
        landmarks: (5, 2) x, y in pixels of `frame`.

    Raises:
        InputError: the landmarks cannot be aligned.
    """
    small = warp(frame, similarity(landmarks, "loose", SIDE_PX), SIDE_PX)
    pixels = small.astype(np.float32).ravel()
    pixels -= pixels.mean()
    colours = cv2.calcHist([cv2.cvtColor(small, cv2.COLOR_RGB2LAB)], [0, 1, 2], None, _BINS, _RANGES).ravel()
    # Roots of shares have length 1, and their inner product is the Bhattacharyya coefficient.
    shares = np.sqrt(colours / max(float(colours.sum()), 1.0))
    return np.concatenate([pixels / max(float(np.linalg.norm(pixels)), 1e-6), shares]).astype(np.float32) / np.float32(
        np.sqrt(2)
    )
