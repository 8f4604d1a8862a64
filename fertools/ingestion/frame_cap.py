"""The cap on the number of faces per frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OVER_CAP = "max_faces"
"""Reason of a face that was rejected because its frame has enough larger faces."""

Mask = NDArray[np.bool_]


def find_over_cap(frames: NDArray[np.int64], sizes_px: NDArray[np.floating], kept: Mask, most: int | None) -> Mask:
    """Return which kept faces exceed the `most` largest of their frame.

    The largest come first, as in facenet-pytorch's MTCNN: the filmed person is nearest to the camera, and the scores of
    clear faces are nearly equal. Only kept faces count, so a large false alarm takes no place.

    Args:
        frames: (n,) frame number of each face.
        sizes_px: (n,) size of each face; of equal sizes, the earlier one counts as larger.
        kept: (n,) whether the face is kept.
        most: maximum number of faces per frame, 1 or more; None for any number.

    Example:
        >>> find_over_cap(np.zeros(3, np.int64), np.array([40.0, 90.0, 60.0]), np.ones(3, np.bool_), 2).tolist()
        [True, False, False]
    """
    beyond = np.zeros(len(frames), np.bool_)
    if most is None:
        return beyond
    places = np.flatnonzero(kept)
    ranked = places[np.lexsort((places, -sizes_px[places], frames[places]))]
    first_of_frame = np.searchsorted(frames[ranked], frames[ranked])
    beyond[ranked[np.arange(len(ranked)) - first_of_frame >= most]] = True
    return beyond
