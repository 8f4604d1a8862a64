"""Alignment: move the five points of a face onto a template with one similarity transform.

A similarity (shift, rotation, one scale) keeps the shape of the face. An affine transform would stretch the face, and a
mirror image would swap its sides, so neither is used.

Crops are computed in integer arithmetic (`fertools.faces.resampling`), so they do not depend on the machine
(`docs/decisions/0021-one-result-on-every-machine.md`).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.resampling import LARGEST_SPAN, resample
from fertools.faces.templates import template

Picture = NDArray[np.uint8]

FILLS = {"black": 0, "grey": 128, "edge": None}
"""Grey level of crops outside of the picture; `edge` repeats the outermost pixels."""

_WIDEST = 8
"""Maximum side of the area that a crop shows, in longest sides of the picture; a crop of a face shows up to three.
Landmarks from a table can have any values, and the work grows with the square of this side."""


def similarity(landmarks: NDArray[np.floating], template_name: str, size_px: int) -> NDArray[np.float64]:
    """Return the similarity transform that moves five points closest to those of a template, by least squares.

    Args:
        landmarks: (5, 2) x, y in source pixels, in the order of `templates`.
        template_name: see `templates.template`.
        size_px: side of the crop.

    Returns:
        (2, 3) float64: maps source pixels (x, y, 1) to crop pixels, both counted from the centre of the first pixel.

    Raises:
        InputError: the points are not five, not finite, or all in one place.

    Source: Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", IEEE TPAMI
    13(4), 1991, eqs. (40) to (43). In the plane and without reflections, the solution has a closed form. With p and q
    the points relative to their means, it is the sums of the dot and cross products over the sum of |p|^2.

    Example:
        >>> from fertools.faces.templates import template
        >>> points = template("arcface") * 200 - 0.5
        >>> np.allclose(similarity(points, "arcface", 100), [[0.5, 0, -0.25], [0, 0.5, -0.25]])
        True
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks of shape {points.shape} cannot be aligned; give five finite (x, y) points")
    goal = size_px * template(template_name) - 0.5
    # Plain floats: NumPy is several times slower for five points, and complex numbers round differently by compiler.
    p, p_mean = _centred(points.tolist())
    q, q_mean = _centred(goal.tolist())
    spread, reach = (sum(x * x + y * y for x, y in some) for some in (p, q))
    along = sum(x * u + y * v for (x, y), (u, v) in zip(p, q, strict=True))
    across = sum(x * v - y * u for (x, y), (u, v) in zip(p, q, strict=True))
    # Five points within a thousandth of a pixel count as one point. Five points that fit no rotation of the template
    # leave a scale of zero.
    if spread < 1e-6 or math.sqrt(along * along + across * across) < 1e-9 * math.sqrt(spread * reach):
        raise InputError("the five landmarks are in one place or fit no turned face; drop this face")
    a, b = along / spread, across / spread
    right, down = q_mean[0] - (a * p_mean[0] - b * p_mean[1]), q_mean[1] - (b * p_mean[0] + a * p_mean[1])
    return np.array([[a, -b, right], [b, a, down]])


def _centred(points: list[list[float]]) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Return five points relative to their mean, and the mean."""
    x_mean, y_mean = sum(x for x, _ in points) / 5, sum(y for _, y in points) / 5
    return [(x - x_mean, y - y_mean) for x, y in points], (x_mean, y_mean)


def align(
    frame: NDArray[np.uint8], landmarks: NDArray[np.floating], template_name: str = "loose", size_px: int = 256
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the aligned crop of a face and its transform.

    If the crop is smaller than the face in the frame, each of its pixels averages the source pixels below it, so there
    is no aliasing. A larger crop is interpolated bicubically. Pixels outside of the frame are black.

    Args:
        frame: (height, width, 3) uint8.
        landmarks: (5, 2) x, y in pixels of `frame`.
        template_name: see `templates.template`.
        size_px: side of the crop.

    Returns:
        The crop (size_px, size_px, 3) uint8, and the matrix of `similarity`.

    Raises:
        InputError: the landmarks cannot be aligned.
    """
    matrix = similarity(landmarks, template_name, size_px)
    return extract_crop(frame, matrix, size_px, "black"), matrix


def fill_outside(crop: Picture, outside: NDArray[np.bool_] | None, grey: int | None) -> Picture:
    """Return a crop with one grey level outside of the picture.

    Args:
        crop: crop from `warp`, which repeats the edge of the picture there.
        outside: mask from `outside_mask`.
        grey: level, 0 to 255; None leaves the crop unchanged.
    """
    if outside is None or grey is None:
        return crop
    # A tenth of the time that NumPy takes to choose by a mask.
    return np.asarray(cv2.copyTo(crop, (~outside).view(np.uint8), np.full_like(crop, grey)), np.uint8)


def rescale_matrix(matrix: NDArray[np.floating], from_px: int, to_px: int) -> NDArray[np.float64]:
    """Return the transform to a crop of the same area in another size.

    Args:
        matrix: (2, 3) similarity from source pixels to pixels of a crop of `from_px`, counted from the first centre.
        from_px: side of that crop.
        to_px: side of the other crop.
    """
    scale = to_px / from_px
    other = np.asarray(matrix, np.float64) * scale
    other[:, 2] += (scale - 1) / 2
    return other


def warp(frame: NDArray[np.uint8], matrix: NDArray[np.float64], size_px: int) -> NDArray[np.uint8]:
    """Return the crop of a known transform, without detection or landmarks.

    Outside of the frame the edge pixels are repeated; see `fill_outside`.

    Args:
        frame: (height, width, 3) uint8.
        matrix: (2, 3) similarity from source to crop pixels.
        size_px: side of the crop.

    Raises:
        InputError: the crop would show far more than the picture.
    """
    scale = math.sqrt(float(matrix[0, 0]) ** 2 + float(matrix[1, 0]) ** 2)
    if size_px > _WIDEST * scale * max(frame.shape[:2]):
        raise InputError("the landmarks are too far apart to be in this picture; give those of this one")
    if 1 / scale <= LARGEST_SPAN:
        return resample(frame, _inverse(matrix), size_px)
    return _shrunk(frame, matrix, size_px, int(np.ceil(1 / scale - 1e-6)))


def extract_crop(frame: Picture, matrix: NDArray[np.float64], size_px: int, fill: str) -> Picture:
    """Return the crop of a known transform, filled outside of the picture.

    Args:
        frame: (height, width, 3) uint8.
        matrix: (2, 3) similarity from source to crop pixels.
        size_px: side of the crop.
        fill: one of FILLS.
    """
    return fill_outside(warp(frame, matrix, size_px), outside_mask(matrix, size_px, frame.shape), FILLS[fill])


def outside_mask(matrix: NDArray[np.float64], size_px: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return which pixels of a crop are outside of the picture; None if all are inside.

    Args:
        matrix: (2, 3) similarity from source to crop pixels.
        size_px: side of the crop.
        shape: height and width of the picture, and more.

    Returns:
        (size_px, size_px) bool, by the centre of each pixel.
    """
    inverse = _inverse(matrix)
    last = size_px - 1.0
    corners = np.array([(0.0, 0.0, 1.0), (last, 0.0, 1.0), (0.0, last, 1.0), (last, last, 1.0)]) @ inverse.T
    # A centre on the edge of the picture counts as inside, despite rounding.
    low, high = -0.5 - 1e-6, np.array([shape[1], shape[0]]) - 0.5 + 1e-6
    crossed = ((corners < low) | (corners > high)).any(axis=0)
    if not crossed.any():
        return None
    along = np.arange(size_px)
    outside = np.zeros((size_px, size_px), np.bool_)
    for (right, down, start), end in zip(inverse[crossed].tolist(), high[crossed].tolist(), strict=True):
        columns, rows = right * along, down * along + start
        # Along the lines that place changes least on, so that few of them cross the edge.
        if abs(right) < abs(down):
            _mark_outside(outside, rows, columns, low, end)
        else:
            _mark_outside(outside.T, columns, rows, low, end)
    return outside


def _mark_outside(
    outside: NDArray[np.bool_], lines: NDArray[np.float64], steps: NDArray[np.float64], low: float, end: float
) -> None:
    """Mark each pixel whose place, `lines[i] + steps[j]`, is below `low` or above `end`.

    Args:
        outside: (n, m), changed.
        lines: (n,) where each line begins.
        steps: (m,) from there, only rising or only falling; so the ends of a line say whether it crosses an edge.
        low: least place inside.
        end: largest one.
    """
    least, most = (lines + end_of_line for end_of_line in sorted((steps[0], steps[-1])))
    beyond_edge = (most < low) | (least > end)
    crossing = ~beyond_edge & ((least < low) | (most > end))
    outside[beyond_edge] = True
    places = lines[crossing, None] + steps
    outside[crossing] |= (places < low) | (places > end)


def _shrunk(frame: Picture, matrix: NDArray[np.float64], size_px: int, fine: int) -> Picture:
    """Sample at least once per source pixel, then average over the rotated square of each crop pixel."""
    finer = matrix * fine
    finer[:, 2] += (fine - 1) / 2
    side = size_px * fine
    crop = cv2.warpAffine(frame, finer, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the similarity from crop to source pixels."""
    a, b, right = matrix[0].tolist()
    down = float(matrix[1, 2])
    square = a * a + b * b
    a, b = a / square, b / square
    return np.array([[a, -b, b * down - a * right], [b, a, -b * right - a * down]])
