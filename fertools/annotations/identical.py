"""Find runs of near-identical frames around a face, which one rating can cover."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fertools.annotations.catalogue import Catalogue

SIDE_PX = 48
"""Crops are compared as grey pictures with this side."""
MEAN_DIFFERENCE = 5.0
"""Maximum mean absolute difference of grey values, out of 255."""
BLOCK_DIFFERENCE = 14.0
"""Maximum mean absolute difference in a block of 8 x 8 pixels: a sixth of the face, about a corner of the mouth."""
LONGEST = 300
"""Maximum number of faces on each side of a run."""

_BLOCK_PX = 8


def identical_run(catalogue: Catalogue, row: int) -> list[int]:
    """Return the rows of the run of near-identical faces around a face, in the order of frames.

    The run extends along the face's track in both directions until a crop differs from the first one or cannot be read.
    It compares with the first crop, not with the neighbour, because slow changes would add up.

    Args:
        catalogue: the catalogue of faces.
        row: row of the first face, which the result contains.
    """
    track = catalogue.track(row)
    own = _picture(catalogue, row)
    if own is None or len(track) == 1:
        return [row]
    place = track.index(row)
    run = [row]
    for steps in (range(place - 1, -1, -1), range(place + 1, len(track))):
        for step in steps[:LONGEST]:
            other = _picture(catalogue, track[step])
            if other is None or not are_identical(own, other):
                break
            run.append(track[step])
    return sorted(run, key=track.index)


def are_identical(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> bool:
    """Return whether two grey pictures, SIDE_PX x SIDE_PX, are near-identical."""
    difference = np.abs(first - second)
    blocks = difference.reshape(SIDE_PX // _BLOCK_PX, _BLOCK_PX, SIDE_PX // _BLOCK_PX, _BLOCK_PX).mean(axis=(1, 3))
    return bool(difference.mean() <= MEAN_DIFFERENCE and blocks.max() <= BLOCK_DIFFERENCE)


def _picture(catalogue: Catalogue, row: int) -> npt.NDArray[np.float32] | None:
    path = catalogue.workspace.root / str(catalogue.value("path", row))
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if grey is None:
        return None
    return np.asarray(cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)
