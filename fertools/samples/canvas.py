"""Paint soft, antialiased patches on a float picture; the cost depends only on the area of a patch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.float32]

_SHIFT = 4
"""Bits of subpixel position in OpenCV's drawing functions."""
_ANGLES = np.linspace(0, 2 * np.pi, 33)[:-1]
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
"""Points of a circle with the radius 1."""


@dataclass(frozen=True)
class Patch:
    """A part of a picture with a weight for each pixel.

    Attributes:
        rows: covered rows.
        columns: covered columns.
        mask: (rows, columns) from 0 to 1.
    """

    rows: slice
    columns: slice
    mask: Mask


class Canvas:
    """A picture that is painted patch by patch.

    Args:
        image: (H, W, 3) float32, painted in place; 0 to 255 is visible.
    """

    def __init__(self, image: NDArray[np.float32]) -> None:
        self.image = image
        self._clip: Mask | None = None

    @contextlib.contextmanager
    def within(self, patch: Patch) -> Iterator[None]:
        """Restrict all painting in the block to `patch`."""
        clip = np.zeros(self.image.shape[:2], np.float32)
        clip[patch.rows, patch.columns] = patch.mask
        before, self._clip = self._clip, clip
        try:
            yield
        finally:
            self._clip = before

    def polygon(self, points: ArrayLike, soft_px: float = 0.0) -> Patch:
        """Return the inside of a polygon (n, 2), with its edge blurred by a standard deviation of `soft_px`."""
        corners = np.asarray(points, dtype=np.float64)
        rows, columns = self._around(corners, soft_px)
        return Patch(rows, columns, _filled(corners, rows, columns, soft_px))

    def line(self, points: ArrayLike, width_px: float, soft_px: float = 0.0) -> Patch:
        """Return a line of any width through points (n, 2)."""
        return self.polygon(_ribbon(np.asarray(points, dtype=np.float64), width_px), soft_px)

    def ellipse(self, centre: ArrayLike, radii_px: ArrayLike, soft_px: float = 0.0, tilt_deg: float = 0.0) -> Patch:
        """Return an ellipse around `centre` (x, y)."""
        turn = np.deg2rad(tilt_deg)
        along_px, across_px = np.asarray(radii_px, dtype=np.float64)
        along, across = along_px * _CIRCLE[0], across_px * _CIRCLE[1]
        x = along * np.cos(turn) - across * np.sin(turn)
        y = along * np.sin(turn) + across * np.cos(turn)
        return self.polygon(np.stack([x, y], axis=1) + np.asarray(centre, dtype=np.float64), soft_px)

    def paint(self, patch: Patch, colour: ArrayLike, opacity: float = 1.0) -> None:
        """Paint a colour on the patch."""
        mask = self._mask(patch, opacity)
        region = self.image[patch.rows, patch.columns]
        region += mask * (np.asarray(colour, np.float32) - region)

    def multiply(self, patch: Patch, factor: ArrayLike, amount: float = 1.0) -> None:
        """Multiply the patch, like shadow."""
        mask = self._mask(patch, amount)
        region = self.image[patch.rows, patch.columns]
        region *= 1 - mask * (1 - np.asarray(factor, np.float32))

    def add(self, patch: Patch, colour: ArrayLike, amount: float = 1.0) -> None:
        """Add to the patch, like light."""
        region = self.image[patch.rows, patch.columns]
        region += self._mask(patch, amount) * np.asarray(colour, np.float32)

    def _mask(self, patch: Patch, amount: float) -> NDArray[np.float32]:
        mask = patch.mask * np.float32(amount)
        if self._clip is not None:
            mask = mask * self._clip[patch.rows, patch.columns]
        return mask[..., None]

    def _around(self, points: Floats, soft_px: float) -> tuple[slice, slice]:
        """Return the rows and columns that a blurred shape can reach."""
        margin = 3 * soft_px + 2
        height, width = self.image.shape[:2]
        low = np.floor(points.min(axis=0) - margin).astype(int)
        high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        right, bottom = min(int(high[0]), width), min(int(high[1]), height)
        return slice(top, max(bottom, top)), slice(left, max(right, left))


def _filled(points: Floats, rows: slice, columns: slice, soft_px: float) -> Mask:
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    if 0 in shape:
        return np.zeros(shape, np.float32)
    mask = np.zeros(shape, np.uint8)
    corners = np.round((points - (columns.start, rows.start)) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, _SHIFT)
    soft = mask.astype(np.float32) / np.float32(255)
    if soft_px > 0.2:
        soft = cv2.GaussianBlur(soft, (0, 0), soft_px).astype(np.float32)
    return soft


def _ribbon(points: Floats, width_px: float) -> Floats:
    """Return the outline of a line of constant width."""
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) * width_px / 2
    return np.concatenate([points + side, (points - side)[::-1]])
