"""A detector that is none, for tests of what surrounds one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.detections import Detections, no_detections
from fertools.faces.detection.detector import DetectorIdentity, DetectorOptions, LocalSearch, ScoreLevels


class FakeDetector:
    """Finds nothing, and has no local search."""

    identity = DetectorIdentity("fake", "python 1", "0" * 32)
    score_levels = ScoreLevels()
    remark: str | None = None

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @property
    def local_search(self) -> LocalSearch | None:
        return None

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        return [no_detections() for _ in frames]


class CentreDetector(FakeDetector):
    """Finds one face in the middle of every picture; the pictures of each call are counted."""

    calls: list[int] = []  # noqa: RUF012  # of the class, since an ingest makes its own detector

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        self.calls.append(len(frames))
        return [_in_the_middle(*frame.shape[:2]) for frame in frames]


def _in_the_middle(height: int, width: int) -> Detections:
    middle, side = np.array([width, height], np.float32) / 2, min(height, width) / 4
    box = np.concatenate([middle - side, middle + side])[None].astype(np.float32)
    eyes_nose_mouth = np.array([[-0.4, -0.4], [0.4, -0.4], [0, 0], [-0.3, 0.4], [0.3, 0.4]], np.float32)
    return Detections(box, np.array([0.999], np.float32), (middle + side * eyes_nose_mouth)[None].astype(np.float32))


def make_centre(options: DetectorOptions) -> CentreDetector:
    return CentreDetector(options.device)
