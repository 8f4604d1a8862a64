"""Where a face is in its own crop: the detector's box and the landmarks, moved by the matrix of the crop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""x, y, width and height in pixels of the crop, from the upper left corner of its first pixel."""


def crop_size(row: dict[str, Any], picture: Path) -> tuple[int, int]:
    """Return the width and height of a crop in pixels; the picture is opened only if the manifest does not say.

    Args:
        row: the face.
        picture: path of its crop.
    """
    if row["size_px"] is not None:
        return row["size_px"], row["size_px"]
    with Image.open(picture) as opened:
        return opened.size


def box_in_crop(row: dict[str, Any], width: int, height: int) -> Box:
    """Return the smallest upright rectangle around the moved box that is inside the crop.

    A face without a box or a matrix fills the crop. So does one whose box is outside of it.

    Args:
        row: the face.
        width: width of the crop in pixels.
        height: height of the crop in pixels.
    """
    if row["box"] is None or row["matrix"] is None:
        return (0.0, 0.0, float(width), float(height))
    x1, y1, x2, y2 = row["box"]
    corners = _moved(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]), row["matrix"])
    left, top = np.clip(corners.min(axis=0), 0, (width, height))
    right, bottom = np.clip(corners.max(axis=0), 0, (width, height))
    if right <= left or bottom <= top:
        return (0.0, 0.0, float(width), float(height))
    return (float(left), float(top), float(right - left), float(bottom - top))


def points_in_crop(row: dict[str, Any]) -> NDArray[np.float64] | None:
    """Return the five landmarks in the crop as 5 x 2 (x, y), the smoothed ones if there are any; None without."""
    points = row["landmarks_smoothed"] or row["landmarks"]
    if points is None or row["matrix"] is None:
        return None
    return _moved(np.array(points, np.float64), row["matrix"])


def _moved(points: NDArray[np.float64], matrix: Any) -> NDArray[np.float64]:
    transform = np.array(matrix, np.float64)
    return points @ transform[:, :2].T + transform[:, 2]
