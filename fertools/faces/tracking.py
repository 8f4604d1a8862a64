"""Tracks: which face of this frame is which face of the frames before, by overlap, and by looks where that is unsure.

Faces move little between frames, so the box that overlaps most is the same face. Each track is also moved on at
its last speed before it is compared, which keeps two people apart who walk past one another. Where a box overlaps two
tracks or a track two boxes, as when two people meet, the look of a face counts as much as its place; and a face that
was hidden longer than overlap can tell is known again by its look, near to where it was lost.

Where the whole picture has changed, place says nothing: two people of one studio sit in the same place. There only a
face that looks as before stays in its track.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ASSUMED_FPS = 25.0
"""Where a source states no times, frames are taken to be this many per second."""
LEAST_LIKENESS = 0.6
"""Inner product of two looks (see `looks`) from which a hidden face is known again. Of small faces in a street, half a
second to a second apart, nine of ten pairs of two people lie below and nine of ten of one face above; and only what is
near to where a face was lost is asked. Drawn people who meet are lost twice as often with 0.7."""
SAME_LIKENESS = 0.95
"""Inner product of two looks from which a face is the same although the picture has changed around it. Of 144 pairs of
two people of one studio the likest have 0.88, and 0.93 in three tenths of the light. From frame to frame the medians of
six clips lie between 0.96 and 0.99. Who falls below gets a second track, which does less harm."""
_LOOK_S, _LOOK_SHARE = 0.2, 0.3
"""How often a track takes a look, and what share of its own it becomes."""
_REACH_PER_S, _GROWTH = 2.0, 1.5
"""By how many of its sizes a hidden face may have moved in a second, besides one, and by what factor grown."""

Look = Callable[[], NDArray[np.float32]]
"""Gives the look of a face; called only where it is needed."""


@dataclass
class _Track:
    number: int
    box: NDArray[np.float64]
    seen_s: float
    speed: NDArray[np.float64]
    look: NDArray[np.float32] | None = None
    looked_s: float = float("-inf")

    def boxes_at(self, time_s: float) -> NDArray[np.float64]:
        """Return where the box was, and where it should be now, (2, 4)."""
        step = self.speed * (time_s - self.seen_s)
        return np.array([self.box, self.box + np.concatenate([step, step])])

    def follow(self, box: NDArray[np.float64], time_s: float) -> None:
        passed_s = time_s - self.seen_s
        moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2
        self.speed = moved / passed_s if passed_s > 0 else np.zeros(2)
        self.box, self.seen_s = box, time_s

    def take(self, look: NDArray[np.float32], time_s: float) -> None:
        mixed = look if self.look is None else (1 - _LOOK_SHARE) * self.look + _LOOK_SHARE * look
        self.look = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        self.looked_s = time_s

    def likeness(self, look: NDArray[np.float32]) -> float:
        return 0.0 if self.look is None else float(self.look @ look)

    def reaches(self, box: NDArray[np.float64], time_s: float) -> bool:
        """Return whether the face can have come to `box` while it was hidden."""
        size, other = (float(np.sqrt((one[2:] - one[:2]).clip(0).prod())) for one in (self.box, box))
        away = float(np.linalg.norm(box[:2] + box[2:] - self.box[:2] - self.box[2:])) / 2
        reach = max(size, other) * (1 + _REACH_PER_S * (time_s - self.seen_s))
        return away <= reach and max(size, other) <= _GROWTH * min(size, other)


class Tracker:
    """Numbers the faces of one video, frame by frame.

    The same calls give the same numbers. A number is given once: a face that is lost for too long, or that is met again
    after a cut, is a new track.

    Args:
        max_gap_s: how long a face may be out of sight and be known by its place, in seconds of the video.
        min_overlap: least intersection over union with the box that was, or that should be, there.
        max_hidden_s: how long it may be out of sight and be known by its look.

    Attributes:
        replaced: whether in the latest frame nobody was in place of somebody: faces were where tracks are, and none of
            them looked as before. Then another scene is shown.

    Example:
        >>> tracker = Tracker()
        >>> tracker.update(0, 0.00, np.array([[10, 10, 50, 50], [90, 10, 130, 50]]), np.array([0.99, 0.98]))
        [0, 1]
        >>> tracker.update(1, 0.04, np.array([[92, 10, 132, 50], [12, 10, 52, 50]]), np.array([0.99, 0.98]))
        [1, 0]
    """

    def __init__(self, max_gap_s: float = 0.5, min_overlap: float = 0.3, max_hidden_s: float = 2.0) -> None:
        self.max_gap_s = max_gap_s
        self.min_overlap = min_overlap
        self.max_hidden_s = max_hidden_s
        self.replaced = False
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
        looks: Sequence[Look] | None = None,
        *,
        changed: bool = False,
    ) -> list[int]:
        """Return the track number of each face of the next frame.

        Pairs of a track and a face are settled by falling overlap (and likeness, where either has another choice); of
        equal ones the face with the higher score comes first, then the older track. A face without a track begins one.

        Args:
            frame_index: number of the frame in its video.
            pts_s: its time; None where the source states none.
            boxes: (n, 4) x1, y1, x2, y2.
            scores: (n,) face probabilities.
            looks: n functions that give a face's look; None goes by place alone.
            changed: whether the whole picture differs from the one before (see `fertools.sources.shots`).
        """
        time_s = time_of(frame_index, pts_s)
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        seen = [functools.cache(look) for look in looks] if looks is not None else [None] * len(boxes)
        # The tolerance is for times such as 0.1 + 0.2, not for another frame.
        longest_s = max(self.max_gap_s, self.max_hidden_s if looks is not None else 0.0) + 1e-6
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= longest_s]
        places = np.array([track.boxes_at(time_s) for track in self._tracks]).reshape(-1, 4)
        overlap = overlaps(places, boxes).reshape(len(self._tracks), 2, len(boxes)).max(axis=1, initial=0)
        for place, track in enumerate(self._tracks):
            if time_s - track.seen_s > self.max_gap_s + 1e-6:
                overlap[place] = 0
        near = overlap >= self.min_overlap
        alike = self._alike(near, seen) if changed else near
        self.replaced = bool(near.any() and not alike.any())
        if self.replaced:
            self.cut()
            overlap = overlap[:0]
        near = alike[: len(self._tracks)]
        crowded = near & ((near.sum(axis=0) > 1)[None] | (near.sum(axis=1) > 1)[:, None])
        worth = overlap.copy()
        for track_place, box_place in np.argwhere(crowded).tolist():
            if (look := seen[box_place]) is not None:
                worth[track_place, box_place] += self._tracks[track_place].likeness(look())
        numbers = self._pair(worth, near, scores, boxes, time_s)
        least = SAME_LIKENESS if changed else LEAST_LIKENESS
        for box_place, look in enumerate(seen):
            if look is not None and box_place not in numbers:
                self._find_again(box_place, look(), boxes, time_s, numbers, least)
        for place, box in enumerate(boxes):
            if place not in numbers:
                numbers[place] = self._next
                self._tracks.append(_Track(self._next, box, time_s, np.zeros(2)))
                self._next += 1
        by_number = {track.number: track for track in self._tracks}
        for place, look in enumerate(seen):
            # Where faces cover one another a look shows both.
            track = by_number[numbers[place]]
            if look is not None and not crowded[:, place].any() and time_s - track.looked_s >= _LOOK_S:
                track.take(look(), time_s)
        return [numbers[place] for place in range(len(boxes))]

    def _alike(self, near: NDArray[np.bool_], seen: Sequence[Look | None]) -> NDArray[np.bool_]:
        """Return which of the pairs of a track and a face that are near look the same, too; without looks, all."""
        alike = near.copy()
        for track_place, box_place in np.argwhere(near).tolist():
            if (look := seen[box_place]) is not None:
                alike[track_place, box_place] = self._tracks[track_place].likeness(look()) >= SAME_LIKENESS
        return alike

    def _pair(
        self,
        worth: NDArray[np.float64],
        near: NDArray[np.bool_],
        scores: NDArray[np.floating],
        boxes: NDArray[np.float64],
        time_s: float,
    ) -> dict[int, int]:
        """Give near boxes the numbers of their tracks, the worthiest pair first."""
        pairs = sorted(map(tuple, np.argwhere(near).tolist()), key=lambda pair: (-worth[pair], -scores[pair[1]], pair))
        numbers: dict[int, int] = {}
        taken: set[int] = set()
        for track_place, box_place in pairs:
            if track_place not in taken and box_place not in numbers:
                taken.add(track_place)
                self._tracks[track_place].follow(boxes[box_place], time_s)
                numbers[box_place] = self._tracks[track_place].number
        return numbers

    def _find_again(
        self,
        box_place: int,
        look: NDArray[np.float32],
        boxes: NDArray[np.float64],
        time_s: float,
        numbers: dict[int, int],
        least: float,
    ) -> None:
        """Give a box that no track is near to the number of the hidden track that it looks most like, if any."""
        hidden = [track for track in self._tracks if track.number not in numbers.values()]
        reached = [track for track in hidden if track.reaches(boxes[box_place], time_s)]
        best = max(reached, key=lambda track: (track.likeness(look), -track.number), default=None)
        if best is not None and best.likeness(look) >= least:
            best.follow(boxes[box_place], time_s)
            numbers[box_place] = best.number


def time_of(frame_index: int, pts_s: float | None) -> float:
    """Return when a frame is shown, in seconds: as its source states it, else as if 25 frames were shown a second."""
    return frame_index / _ASSUMED_FPS if pts_s is None else pts_s


def overlaps(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4), (n, m)."""
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    corner, end = np.maximum(one[:, None, :2], other[:, :2]), np.minimum(one[:, None, 2:], other[:, 2:])
    shared = _area(np.maximum(end - corner, 0))
    union = _area(np.maximum(one[:, 2:] - one[:, :2], 0))[:, None] + _area(np.maximum(other[:, 2:] - other[:, :2], 0))
    # Boxes without area share nothing.
    return np.asarray(shared / np.maximum(union - shared, np.finfo(np.float64).tiny), np.float64)


def _area(sides: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sides[..., 0] * sides[..., 1], np.float64)
