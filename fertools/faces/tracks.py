"""Tracks: which face of this frame is which face of the frames before, by overlap alone.

Faces move little between frames, so the box that overlaps most is the same face. Each track is also moved on at
its last speed before it is compared, which keeps two people apart who walk past one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ASSUMED_FPS = 25.0
"""Where a source states no times, frames are taken to be this many per second."""


@dataclass
class _Track:
    number: int
    box: NDArray[np.float64]
    seen_s: float
    speed: NDArray[np.float64]

    def boxes_at(self, time_s: float) -> NDArray[np.float64]:
        """Return where the box was, and where it should be now, (2, 4)."""
        return np.stack([self.box, self.box + np.tile(self.speed * (time_s - self.seen_s), 2)])

    def follow(self, box: NDArray[np.float64], time_s: float) -> None:
        passed_s = time_s - self.seen_s
        moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2
        self.speed = moved / passed_s if passed_s > 0 else np.zeros(2)
        self.box, self.seen_s = box, time_s


class Tracker:
    """Numbers the faces of one video, frame by frame.

    The same calls give the same numbers. A number is given once: a face that is lost for longer than `max_gap_s`, or
    that is met again after a cut, is a new track.

    Args:
        max_gap_s: how long a face may be out of sight, in seconds of the video.
        min_overlap: least intersection over union with the box that was, or that should be, there.

    Example:
        >>> tracker = Tracker()
        >>> tracker.update(0, 0.00, np.array([[10, 10, 50, 50], [90, 10, 130, 50]]), np.array([0.99, 0.98]))
        [0, 1]
        >>> tracker.update(1, 0.04, np.array([[92, 10, 132, 50], [12, 10, 52, 50]]), np.array([0.99, 0.98]))
        [1, 0]
    """

    def __init__(self, max_gap_s: float = 0.5, min_overlap: float = 0.3) -> None:
        self.max_gap_s = max_gap_s
        self.min_overlap = min_overlap
        self._tracks: list[_Track] = []
        self._next = 0

    def cut(self) -> None:
        """End every track: what follows shows another scene."""
        self._tracks = []

    def update(
        self,
        frame_index: int,
        pts_s: float | None,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
    ) -> list[int]:
        """Return the track number of each face of the next frame.

        Pairs of a track and a face are settled by falling overlap; of equal overlaps the face with the higher score
        comes first, then the older track. A face without a track begins one.

        Args:
            frame_index: number of the frame in its video.
            pts_s: its time; None where the source states none.
            boxes: (n, 4) x1, y1, x2, y2.
            scores: (n,) face probabilities.
        """
        time_s = time_of(frame_index, pts_s)
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        # The tolerance is for times such as 0.1 + 0.2, not for another frame.
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= self.max_gap_s + 1e-6]
        overlap = np.array([overlaps(track.boxes_at(time_s), boxes).max(axis=0) for track in self._tracks])
        overlap = overlap.reshape(len(self._tracks), len(boxes))
        track_places, box_places = np.nonzero(overlap >= self.min_overlap)
        pairs = sorted(
            zip(track_places.tolist(), box_places.tolist(), strict=True),
            key=lambda pair: (-overlap[pair], -scores[pair[1]], pair),
        )
        numbers: dict[int, int] = {}
        taken: set[int] = set()
        for track_place, box_place in pairs:
            if track_place not in taken and box_place not in numbers:
                taken.add(track_place)
                self._tracks[track_place].follow(boxes[box_place], time_s)
                numbers[box_place] = self._tracks[track_place].number
        for place, box in enumerate(boxes):
            if place not in numbers:
                numbers[place] = self._next
                self._tracks.append(_Track(self._next, box, time_s, np.zeros(2)))
                self._next += 1
        return [numbers[place] for place in range(len(boxes))]


def time_of(frame_index: int, pts_s: float | None) -> float:
    """Return when a frame is shown, in seconds: as its source states it, else as if 25 frames were shown a second."""
    return frame_index / _ASSUMED_FPS if pts_s is None else pts_s


def overlaps(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4), (n, m)."""
    one, other = np.asarray(a, dtype=np.float64)[:, None], np.asarray(b, dtype=np.float64)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = sides.clip(0).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clip(0).prod(axis=-1) for boxes in (one, other)]
    union = areas[0] + areas[1] - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap
