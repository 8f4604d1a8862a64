"""The temporal buffer: hold back frames until later frames have completed their faces.

Landmarks are smoothed over the frames before and after (`fertools.faces.smoothing`). A face that the detector missed
for a moment is interpolated between its two neighbours in time. Both need later frames, and crops need the frame
itself. So a frame waits until no later frame can change its faces. That takes a fifth of a second, or two fifths after
a missed face. A bound limits the number of held pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.core.hashing import hash_bytes
from fertools.faces.detection.detector import ScoreLevels
from fertools.faces.smoothing import smooth
from fertools.faces.tracking import overlaps, time_of
from fertools.sources.videos import Frame

LONGEST_GAP_S = 0.2
"""Longest gap of a track that is interpolated, in seconds. A blink of the detector lasts a frame or two; in half a
second a head can turn to the side and back."""
_TAKEN = 0.3
"""Intersection over union with another face from which an interpolated face is dropped."""
_HELD_PIXELS, _FEWEST_HELD, _MOST_HELD = 64_000_000, 4, 64
"""About 190 MB of pictures: seven of 4K, or all needed frames at 1080p and 60 frames per second."""
_TOLERANCE_S = 1e-6
"""Tolerance for times such as 0.1 + 0.2."""


@dataclass(frozen=True)
class Face:
    """One face of one frame.

    Attributes:
        face_id: identifier of the face.
        box: (4,) float32 x1, y1, x2, y2 in source pixels.
        track: number of its track; None in a picture.
        score: the detector's face probability; None for an interpolated face.
        points: (5, 2) float32 landmarks from the detector; None for an interpolated face, and if none are known.
        smoothed: (5, 2) float32 smoothed landmarks; None if nothing was smoothed.
        interpolated: whether the face is interpolated.
    """

    face_id: str
    box: NDArray[np.float32]
    track: int | None = None
    score: float | None = None
    points: NDArray[np.float32] | None = None
    smoothed: NDArray[np.float32] | None = None
    interpolated: bool = False

    @property
    def best_points(self) -> NDArray[np.float32]:
        """The landmarks for alignment: the smoothed ones if there are any.

        Raises:
            ValueError: the face has no landmarks.
        """
        best = self.points if self.smoothed is None else self.smoothed
        if best is None:
            raise ValueError(f"the face {self.face_id} has no landmarks")
        return best


@dataclass(frozen=True)
class FrameFaces:
    """A frame in the pipeline.

    Attributes:
        frame: the frame.
        shot: number of its shot; None in a picture.
        faces: faces of the frame, as far as they are known.
        rows: rows of the manifest, one per face, after the crops were written.
    """

    frame: Frame
    shot: int | None
    faces: tuple[Face, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()

    @property
    def time_s(self) -> float:
        """Time of the frame in the video."""
        return time_of(self.frame.index, self.frame.pts_s)


@dataclass
class _TrackHistory:
    """Recent times and faces of a track."""

    times_s: list[float]
    faces: list[Face]

    def points(self) -> NDArray[np.float32]:
        return np.array([face.points for face in self.faces], np.float32)

    def around(self, time_s: float) -> tuple[int | None, int | None]:
        """Return the index of the last time up to `time_s`, and of the first time after it."""
        after = int(np.searchsorted(self.times_s, time_s, side="right"))
        return (after - 1 if after else None), (after if after < len(self.times_s) else None)


class TemporalBuffer:
    """Completes the faces in the frames of one video.

    Args:
        half_width_s: half width of the smoothing window in seconds; 0 leaves landmarks unchanged.
        confident: minimum score that one end of a gap must have, so that a flickering false alarm is not extended.
    """

    def __init__(self, half_width_s: float, confident: float = ScoreLevels().confident) -> None:
        self._half_width_s, self._confident = half_width_s, confident
        self._held: deque[FrameFaces] = deque()
        self._histories: dict[int, _TrackHistory] = {}
        self._newest_s = float("-inf")

    def push(self, seen: FrameFaces) -> Iterator[FrameFaces]:
        """Add the next frame with its detections, and yield the frames that are complete.

        Args:
            seen: a frame of the same shot as the frames before; its faces have boxes, scores, points and tracks.
        """
        self._newest_s = max(self._newest_s, seen.time_s)
        self._held.append(seen)
        for face in seen.faces:
            if face.track is not None:
                history = self._histories.setdefault(face.track, _TrackHistory([], []))
                history.times_s.append(seen.time_s)
                history.faces.append(face)
        height, width = map(int, seen.frame.rgb.shape[:2])
        most = min(_MOST_HELD, max(_FEWEST_HELD, _HELD_PIXELS // (height * width)))
        while self._held and (len(self._held) > most or self._is_final(self._held[0])):
            yield self._finalise(self._held.popleft())
        self._forget()

    def flush(self) -> Iterator[FrameFaces]:
        """Yield all held frames, at the end of a shot or of the video."""
        while self._held:
            yield self._finalise(self._held.popleft())
        self._histories = {}
        self._newest_s = float("-inf")

    def _is_final(self, seen: FrameFaces) -> bool:
        """Return whether no later frame can change the faces of a frame."""
        if seen.faces and not self._is_past(seen.time_s + self._half_width_s):
            return False
        for history in self._missing_tracks(seen):
            last, following = history.around(seen.time_s)
            if last is None:
                continue
            if following is None:
                if not self._is_past(history.times_s[last] + LONGEST_GAP_S):
                    return False
            elif self._is_past(history.times_s[following] + self._half_width_s):
                continue
            elif _is_bridged(history, last, following, self._confident):
                return False
        return True

    def _is_past(self, time_s: float) -> bool:
        return self._newest_s >= time_s - _TOLERANCE_S

    def _missing_tracks(self, seen: FrameFaces) -> list[_TrackHistory]:
        """Return the histories of the tracks that are missing in a frame."""
        present = {face.track for face in seen.faces}
        return [history for track, history in sorted(self._histories.items()) if track not in present]

    def _finalise(self, seen: FrameFaces) -> FrameFaces:
        faces = [replace(face, smoothed=self._smoothed(face, seen.time_s)) for face in seen.faces]
        for history in self._missing_tracks(seen):
            last, following = history.around(seen.time_s)
            if last is None or following is None or not _is_bridged(history, last, following, self._confident):
                continue
            between = self._interpolate(history, last, following, seen)
            if not faces or overlaps(between.box[None], np.array([face.box for face in faces])).max() < _TAKEN:
                faces.append(between)
        return replace(seen, faces=tuple(faces))

    def _smoothed(self, face: Face, time_s: float) -> NDArray[np.float32] | None:
        if face.track is None or self._half_width_s == 0:
            return None
        history = self._histories[face.track]
        return smooth(np.array(history.times_s), history.points(), time_s, self._half_width_s).astype(np.float32)

    def _interpolate(self, history: _TrackHistory, last: int, following: int, seen: FrameFaces) -> Face:
        """Return the interpolated face of a frame, linearly between its two neighbours in the track."""
        ends = history.faces[last], history.faces[following]
        times_s = history.times_s[last], history.times_s[following]
        fraction = (seen.time_s - times_s[0]) / (times_s[1] - times_s[0])
        points = [
            replace(end, smoothed=self._smoothed(end, time_s)).best_points
            for end, time_s in zip(ends, times_s, strict=True)
        ]
        names = (ends[0].face_id, ends[1].face_id, str(seen.frame.index))
        return Face(
            # Three parts, while a detected face has two, so no other face can have this identifier.
            face_id=hash_bytes(*(name.encode() for name in names)),
            box=_mix(ends[0].box, ends[1].box, fraction),
            track=ends[0].track,
            smoothed=_mix(points[0], points[1], fraction),
            interpolated=True,
        )

    def _forget(self) -> None:
        """Drop history that no held or later frame can need."""
        oldest_s = self._held[0].time_s if self._held else self._newest_s
        reach_s = oldest_s - LONGEST_GAP_S - self._half_width_s - _TOLERANCE_S
        for track, history in list(self._histories.items()):
            first = int(np.searchsorted(history.times_s, reach_s))
            if first == len(history.times_s):
                del self._histories[track]
            elif first:
                del history.times_s[:first], history.faces[:first]


def _is_bridged(history: _TrackHistory, last: int, following: int, confident: float) -> bool:
    """Return whether a gap of a track is interpolated."""
    gap_s = history.times_s[following] - history.times_s[last]
    sure = max(history.faces[end].score or 0 for end in (last, following)) >= confident
    return sure and 0 < gap_s <= LONGEST_GAP_S + _TOLERANCE_S


def _mix(one: NDArray[np.float32], other: NDArray[np.float32], fraction: float) -> NDArray[np.float32]:
    return np.asarray((1 - fraction) * one.astype(np.float64) + fraction * other.astype(np.float64), np.float32)
