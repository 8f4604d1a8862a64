"""Tracking: link the faces of one frame to the faces of the frames before.

Faces move little between frames, so a face belongs to the track whose box it overlaps most. Each track is compared at
its last position and at the position that its last speed predicts. That separates two people who walk past one another.

If a box overlaps two tracks, or a track two boxes, overlap is ambiguous. Then the association score is the overlap
plus the cosine similarity of the two appearance descriptors (`fertools.faces.appearance`). A face that was hidden too
long for overlap is re-identified by its descriptor, near the position where it was lost.

If the whole picture has changed, position means nothing: two people of one studio sit in the same place. Then a face
stays in its track only if its descriptor matches.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ASSUMED_FPS = 25.0
"""Assumed frames per second of a source without presentation times."""
MIN_REIDENTIFICATION_SIMILARITY = 0.6
"""Minimum cosine similarity at which a hidden face is re-identified.

It was measured on small faces in a street, half a second to a second apart: nine of ten pairs of two people score
below, and nine of ten pairs of one face above. With 0.7, drawn people who meet are lost twice as often."""
SAME_FACE_SIMILARITY = 0.95
"""Minimum cosine similarity at which a face is the same although the picture around it has changed.

Of 144 pairs of two people in one studio the most similar score 0.88, and 0.93 at three tenths of the light. From frame
to frame the medians of six clips are between 0.96 and 0.99. A face that scores below begins a second track, which does
less harm than a track of two people."""
_DESCRIPTOR_INTERVAL_S, _DESCRIPTOR_SHARE = 0.2, 0.3
"""Interval between two descriptors of a track, and the weight of the new one in the running mean."""
_REACH_PER_S, _GROWTH = 2.0, 1.5
"""Maximum movement of a hidden face per second, in sizes of the face beyond one size, and its maximum growth."""

DescriptorSource = Callable[[], NDArray[np.float32]]
"""Computes the appearance descriptor of a face; called only where it is needed."""


@dataclass
class _Track:
    number: int
    box: NDArray[np.float64]
    seen_s: float
    speed: NDArray[np.float64]
    descriptor: NDArray[np.float32] | None = None
    described_s: float = float("-inf")

    def boxes_at(self, time_s: float) -> NDArray[np.float64]:
        """Return the last box and the predicted box, (2, 4)."""
        step = self.speed * (time_s - self.seen_s)
        return np.array([self.box, self.box + np.concatenate([step, step])])

    def move_to(self, box: NDArray[np.float64], time_s: float) -> None:
        passed_s = time_s - self.seen_s
        moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2
        self.speed = moved / passed_s if passed_s > 0 else np.zeros(2)
        self.box, self.seen_s = box, time_s

    def add_descriptor(self, new: NDArray[np.float32], time_s: float) -> None:
        old = self.descriptor
        mixed = new if old is None else (1 - _DESCRIPTOR_SHARE) * old + _DESCRIPTOR_SHARE * new
        self.descriptor = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        self.described_s = time_s

    def cosine_similarity(self, descriptor: NDArray[np.float32]) -> float:
        return 0.0 if self.descriptor is None else float(self.descriptor @ descriptor)

    def reaches(self, box: NDArray[np.float64], time_s: float) -> bool:
        """Return whether the face can have moved to `box` while it was hidden."""
        size, other = (float(np.sqrt((one[2:] - one[:2]).clip(0).prod())) for one in (self.box, box))
        distance = float(np.linalg.norm(box[:2] + box[2:] - self.box[:2] - self.box[2:])) / 2
        reach = max(size, other) * (1 + _REACH_PER_S * (time_s - self.seen_s))
        return distance <= reach and max(size, other) <= _GROWTH * min(size, other)


class Tracker:
    """Numbers the faces of one video, frame by frame.

    The same calls give the same numbers, and no number is used twice. A face that is lost for too long, or that returns
    after a cut, begins a new track.

    Args:
        max_gap_s: maximum time, in seconds of the video, that a face may be missing and still be matched by position.
        min_overlap: minimum intersection over union with the last box or the predicted box.
        max_hidden_s: maximum time that a face may be missing and still be re-identified by its descriptor.

    Attributes:
        replaced: whether every face of the latest frame that overlaps a track fails to match its appearance. Then the
            frame shows another scene.

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
        """End every track, because the next frame shows another scene."""
        self._tracks = []

    def update(
        self,
        frame_index: int,
        pts_s: float | None,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        descriptors: Sequence[DescriptorSource] | None = None,
        *,
        changed: bool = False,
    ) -> list[int]:
        """Return the track number of each face of the next frame.

        Pairs of a track and a face are matched greedily, highest association score first. Ties go to the face with the
        higher detection score, then to the older track. A face without a track begins one.

        Args:
            frame_index: number of the frame in its video.
            pts_s: presentation time of the frame in seconds; None if the source has no times.
            boxes: (n, 4) x1, y1, x2, y2 in pixels.
            scores: (n,) face probabilities.
            descriptors: n functions that compute a face's descriptor; None matches by position only.
            changed: whether the whole picture differs from the one before (see `fertools.sources.shots`).
        """
        time_s = time_of(frame_index, pts_s)
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        described: Sequence[DescriptorSource | None] = [None] * len(boxes)
        if descriptors is not None:
            described = [functools.cache(descriptor) for descriptor in descriptors]
        # The tolerance is for times such as 0.1 + 0.2, not for another frame.
        longest_s = max(self.max_gap_s, self.max_hidden_s if descriptors is not None else 0.0) + 1e-6
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= longest_s]
        overlap = self._overlap(boxes, time_s)
        near = overlap >= self.min_overlap
        matching = self._match_appearance(near, described) if changed else near
        self.replaced = bool(near.any() and not matching.any())
        if self.replaced:
            self.cut()
            overlap = overlap[:0]
        near = matching[: len(self._tracks)]
        ambiguous = near & ((near.sum(axis=0) > 1)[None] | (near.sum(axis=1) > 1)[:, None])
        association = overlap.copy()
        for track_place, box_place in np.argwhere(ambiguous).tolist():
            if (descriptor := described[box_place]) is not None:
                association[track_place, box_place] += self._tracks[track_place].cosine_similarity(descriptor())
        numbers = self._pair(association, near, scores, boxes, time_s)
        least = SAME_FACE_SIMILARITY if changed else MIN_REIDENTIFICATION_SIMILARITY
        for box_place, descriptor in enumerate(described):
            if descriptor is not None and box_place not in numbers:
                self._reidentify(box_place, descriptor(), boxes, time_s, numbers, least)
        for place, box in enumerate(boxes):
            if place not in numbers:
                numbers[place] = self._next
                self._tracks.append(_Track(self._next, box, time_s, np.zeros(2)))
                self._next += 1
        by_number = {track.number: track for track in self._tracks}
        for place, descriptor in enumerate(described):
            track = by_number[numbers[place]]
            # If two faces cover one another, a descriptor describes both.
            is_due = not ambiguous[:, place].any() and time_s - track.described_s >= _DESCRIPTOR_INTERVAL_S
            if descriptor is not None and is_due:
                track.add_descriptor(descriptor(), time_s)
        return [numbers[place] for place in range(len(boxes))]

    def _overlap(self, boxes: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        """Return the overlap (tracks, boxes) with the last or the predicted box; 0 for tracks lost too long."""
        places = np.array([track.boxes_at(time_s) for track in self._tracks]).reshape(-1, 4)
        overlap = overlaps(places, boxes).reshape(len(self._tracks), 2, len(boxes)).max(axis=1, initial=0)
        for place, track in enumerate(self._tracks):
            if time_s - track.seen_s > self.max_gap_s + 1e-6:
                overlap[place] = 0
        return np.asarray(overlap, np.float64)

    def _match_appearance(
        self, near: NDArray[np.bool_], described: Sequence[DescriptorSource | None]
    ) -> NDArray[np.bool_]:
        """Return which near pairs of a track and a face also match in appearance; all of them without descriptors."""
        matching = near.copy()
        for track_place, box_place in np.argwhere(near).tolist():
            if (descriptor := described[box_place]) is not None:
                similarity = self._tracks[track_place].cosine_similarity(descriptor())
                matching[track_place, box_place] = similarity >= SAME_FACE_SIMILARITY
        return matching

    def _pair(
        self,
        association: NDArray[np.float64],
        near: NDArray[np.bool_],
        scores: NDArray[np.floating],
        boxes: NDArray[np.float64],
        time_s: float,
    ) -> dict[int, int]:
        """Give near boxes the numbers of their tracks, the highest association score first."""

        def rank(pair: tuple[int, int]) -> tuple[float, float, tuple[int, int]]:
            return -float(association[pair]), -float(scores[pair[1]]), pair

        pairs = sorted(((int(track), int(box)) for track, box in np.argwhere(near)), key=rank)
        numbers: dict[int, int] = {}
        taken: set[int] = set()
        for track_place, box_place in pairs:
            if track_place not in taken and box_place not in numbers:
                taken.add(track_place)
                self._tracks[track_place].move_to(boxes[box_place], time_s)
                numbers[box_place] = self._tracks[track_place].number
        return numbers

    def _reidentify(
        self,
        box_place: int,
        descriptor: NDArray[np.float32],
        boxes: NDArray[np.float64],
        time_s: float,
        numbers: dict[int, int],
        least: float,
    ) -> None:
        """Give an unmatched box the number of the most similar hidden track, if one is similar enough."""
        hidden = [track for track in self._tracks if track.number not in numbers.values()]
        reached = [track for track in hidden if track.reaches(boxes[box_place], time_s)]
        best = max(reached, key=lambda track: (track.cosine_similarity(descriptor), -track.number), default=None)
        if best is not None and best.cosine_similarity(descriptor) >= least:
            best.move_to(boxes[box_place], time_s)
            numbers[box_place] = best.number


def time_of(frame_index: int, pts_s: float | None) -> float:
    """Return the presentation time of a frame in seconds, at 25 frames per second for a source without times."""
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
