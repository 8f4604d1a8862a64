"""Which faces of a crowded frame are more than were asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OVER_CAP = "max_faces"
"""The reason of a face that was rejected because its frame holds so many larger ones."""

Mask = NDArray[np.bool_]


def find_over_cap(frames: NDArray[np.int64], sizes_px: NDArray[np.floating], kept: Mask, most: int | None) -> Mask:
    """Return which kept faces are beyond the `most` largest of their frame.

    The largest come first, as in facenet-pytorch's MTCNN: who is filmed is nearest to the camera, while scores of sure
    faces are all but equal. Only kept faces count, so that a large false alarm takes no place from a face.

    Args:
        frames: (n,) number of each face's frame.
        sizes_px: (n,) size of each face; of equal sizes the earlier counts as larger.
        kept: (n,) whether it is kept.
        most: how many faces a frame may keep, 1 or more; None is any number.

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
