"""Whether two pictures show one photograph: the correlation of their fine structure, once they are aligned.

Aligned faces of two people are alike in their coarse structure. Copies of one photograph also share the fine one, even
if one is cropped, scaled or compressed in another way. So the second picture is first aligned to the first by an affine
transform. Then both are high-pass filtered and correlated.

Source: Evangelidis and Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization",
2008.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.splits.audit.picture_hash import read_picture

Detail = NDArray[np.float32]
"""(64, 64) grey levels."""
_SIDE_PX, _EDGE_PX = 64, 3
_COARSE_PX = 3.0
"""Standard deviation of the Gaussian whose result is the coarse structure."""
_SMOOTH_PX = 5
_LARGEST_CHANGE, _LARGEST_SHIFT_PX = 0.2, 10.0
"""An alignment that scales, turns or moves more than this has failed."""
_ENOUGH = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
_SAME_PLACE = np.eye(2, 3, dtype=np.float32)
_EVERYWHERE = np.ones((_SIDE_PX, _SIDE_PX), np.uint8)


def read_detail(path: Path | None) -> Detail | None:
    """Return a picture as (64, 64) grey; None if it is missing or damaged."""
    picture = read_picture(path)
    if picture is None:
        return None
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


def compare_detail(first: Detail, second: Detail) -> float:
    """Return the correlation of the fine structure of two pictures, in [-1, 1]: 1 for equal ones.

    Example:
        >>> picture = np.random.default_rng(0).uniform(0, 255, (64, 64)).astype(np.float32)
        >>> round(compare_detail(picture, picture * 0.5 + 20), 3)
        1.0
    """
    return max(_correlation(first, second, place) for place in (_SAME_PLACE, _align(first, second)))


def _align(first: Detail, second: Detail) -> NDArray[np.float32]:
    """Return the (2, 3) transform from points of the first picture to points of the second."""
    try:
        found = cv2.findTransformECC(
            first, second, _SAME_PLACE.copy(), cv2.MOTION_AFFINE, _ENOUGH, _EVERYWHERE, _SMOOTH_PX
        )[1]
    except cv2.error:
        # The pictures are too different, or one is flat.
        return _SAME_PLACE
    change = np.abs(found - _SAME_PLACE)
    good = change[:, :2].max() <= _LARGEST_CHANGE and change[:, 2].max() <= _LARGEST_SHIFT_PX
    return np.asarray(found, np.float32) if good else _SAME_PLACE


def _correlation(first: Detail, second: Detail, place: NDArray[np.float32]) -> float:
    size, flags = (_SIDE_PX, _SIDE_PX), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(second, place, size, flags=flags)
    inside = cv2.warpAffine(np.ones(size, np.float32), place, size, flags=flags) > 0.99
    # The filter has no whole neighbourhood at the edge.
    inside[:_EDGE_PX] = inside[-_EDGE_PX:] = False
    inside[:, :_EDGE_PX] = inside[:, -_EDGE_PX:] = False
    fine = [(picture - cv2.GaussianBlur(picture, (0, 0), _COARSE_PX))[inside] for picture in (first, moved)]
    one, other = (values - values.mean() for values in fine)
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / length if length > 0 else 0.0
