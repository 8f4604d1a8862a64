"""Candidate boxes in the cascade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn import boxes as boxwork


@dataclass(frozen=True)
class Candidates:
    """Candidate boxes in the cascade, for all pictures of a stack.

    Attributes:
        picture: (n,) index of each candidate's picture in the stack.
        boxes: (n, 4) x1, y1, x2, y2 in source pixels.
        scores: (n,) face probability by the latest network.
    """

    picture: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Candidates:
        """Return a selection of the candidates."""
        return Candidates(self.picture[places], self.boxes[places], self.scores[places])

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Return all candidates of `parts`, in order."""
        return cls(
            np.concatenate([part.picture for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )


def final_boxes(
    candidates: Candidates, offsets: NDArray[np.float32], points: NDArray[np.float32]
) -> tuple[Candidates, NDArray[np.float32]]:
    """Return candidates moved by O-Net's offsets, and its points in pixels."""
    corner, end = candidates.boxes[:, None, :2], candidates.boxes[:, None, 2:]
    landmarks = (end - corner + np.float32(1)) * points.transpose(0, 2, 1) + corner - np.float32(1)
    moved = boxwork.regress(candidates.boxes, offsets)
    return Candidates(candidates.picture, moved, candidates.scores), landmarks


def suppress(candidates: Candidates, threshold: float, *, nested: bool = False) -> NDArray[np.int64]:
    """Return the indices that non-maximum suppression within each picture keeps: by picture, best first."""
    rule = boxwork.suppress_nested if nested else boxwork.suppress
    return rule(candidates.boxes, candidates.scores, threshold, candidates.picture)
