"""Runs of near-identical frames: the frames around a face that show the same thing, so that one answer serves all."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fertools.annotations.catalogue import Catalogue

SIDE_PX = 48
"""Crops are compared as grey pictures of this side."""
MEAN_DIFFERENCE = 5.0
"""Largest mean absolute difference of grey values, of 255."""
BLOCK_DIFFERENCE = 14.0
"""Largest mean absolute difference in any block of 8 x 8 pixels: a sixth of the face's side, about a mouth's corner."""
LONGEST = 300
"""Faces in a run at most, to either side."""

_BLOCK_PX = 8


def identical_run(catalogue: Catalogue, row: int) -> list[int]:
    """Return the rows of the faces that show what face `row` shows, by frame, it among them.

    The run goes along the face's track, to both sides, until a crop differs from the face's own (not from its
    neighbour's, which would let a slow change run on for ever) or cannot be read.

    Args:
        catalogue: the faces.
        row: the face in the middle.
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
    """Return whether two grey pictures of (SIDE_PX, SIDE_PX) show the same."""
    difference = np.abs(first - second)
    blocks = difference.reshape(SIDE_PX // _BLOCK_PX, _BLOCK_PX, SIDE_PX // _BLOCK_PX, _BLOCK_PX).mean(axis=(1, 3))
    return bool(difference.mean() <= MEAN_DIFFERENCE and blocks.max() <= BLOCK_DIFFERENCE)


def _picture(catalogue: Catalogue, row: int) -> npt.NDArray[np.float32] | None:
    path = catalogue.workspace.root / str(catalogue.value("path", row))
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if grey is None:
        return None
    return np.asarray(cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)
