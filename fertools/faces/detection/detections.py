"""The results of a detector for one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detections:
    """The faces of one picture, highest score first.

    Attributes:
        boxes: (n, 4) float32 x1, y1, x2, y2 in source pixels; may extend beyond the picture.
        scores: (n,) float32 face probability, above the last threshold, at most 1.
        landmarks: (n, 5, 2) float32 x, y in source pixels of left eye, right eye, nose, left and right mouth corner;
            left is the smaller x in an upright picture.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Detections:
        """Return a selection of the faces."""
        return Detections(self.boxes[places], self.scores[places], self.landmarks[places])


@dataclass(frozen=True)
class FrameSearch:
    """The result of a full search of one picture.

    Attributes:
        faces: detected faces.
        low_confidence: (n, 4) float32 boxes of candidates below the threshold of the last network. In a video, such a
            candidate can be a face in the next frame.
    """

    faces: Detections
    low_confidence: NDArray[np.float32]


def no_detections() -> Detections:
    """Return the detections of a picture without faces."""
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


def join(parts: Sequence[Detections]) -> Detections:
    """Return all faces of one picture from several searches, highest score first."""
    scores = np.concatenate([part.scores for part in parts])
    order = np.argsort(-scores, kind="stable")
    return Detections(
        np.concatenate([part.boxes for part in parts])[order],
        scores[order],
        np.concatenate([part.landmarks for part in parts])[order],
    )
