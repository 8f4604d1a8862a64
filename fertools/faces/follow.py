"""Faces between two searched frames, found again near where they were instead of anywhere.

The full cascade looks at every place of a frame at every size. A face that was there a moment ago is near its last box,
so R-Net and O-Net alone, on one window each, find it again for a hundredth of the cost. `search_between` does that in a
block of frames whose first and last were searched in full: forward from the first, and backward from the last for
those faces that forward did not lead to. A face that appears or leaves in the middle is so followed from the end that
has it. Where a sure face was lost on the way and one in about the same place was lost on the way back, with frames
between in which neither is seen, the frame in the middle is searched in full and both halves are done again. What can
be missed is a face that is in neither of two searched frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.faces.cascade import Detector
from fertools.faces.detections import Detections, join
from fertools.faces.tracks import overlaps

Frames = Sequence[NDArray[np.uint8]]

SURE = 0.9
"""Faces that score this are worth a second search; below are the detector's doubtful ones, which come and go."""

_SAME = 0.4
"""Least intersection over union of one face with where it is expected, and with itself found from the other end."""

_FASTEST = 0.6
"""Sides of its box that a face moves between frames at most, where a lost one is looked for among those that come."""

_PATIENCE = 3
"""Frames in a row that a face may not be found in before it is no longer expected."""

PATCH_PX = 24
_LIKE = 0.5
"""Least correlation of a patch with the place that it is said to have moved to."""


def search_between(detector: Detector, frames: Frames, first: Detections, last: Detections) -> list[Detections]:
    """Return the faces of the frames between the first and the last.

    Args:
        detector: finds and refines.
        frames: (height, width, 3) uint8 RGB, successive ones of one video, two or more.
        first: what the full cascade finds in `frames[0]`.
        last: likewise in `frames[-1]`.

    Returns:
        One entry for each of `frames[1:-1]`.
    """
    if len(frames) == 2:
        return []
    forward = _chase(detector, frames, first)
    backward = _chase(detector, frames[::-1], _apart(last, forward[-1].found))[::-1]
    if _is_broken(first, forward, last, backward):
        middle = len(frames) // 2
        found = detector.detect([frames[middle]])[0]
        before = search_between(detector, frames[: middle + 1], first, found)
        return [*before, found, *search_between(detector, frames[middle:], found, last)]
    # `forward` begins a frame after the first and `backward` with the first itself.
    pairs = zip(forward[:-1], backward[1:], strict=True)
    return [join([one.found, _apart(other.found, one.found)]) for one, other in pairs]


@dataclass(frozen=True)
class _Sight:
    """The faces of one frame that were followed to it.

    Attributes:
        found: them.
        origin: (n,) int64, which face at the start of the chase each one is.
    """

    found: Detections
    origin: NDArray[np.int64]


def _chase(detector: Detector, frames: Frames, start: Detections) -> list[_Sight]:
    """Follow faces from `frames[0]` through all others; one that is missed is expected where its picture moved to."""
    seen: list[_Sight] = []
    boxes, missed = start.boxes.copy(), np.zeros(len(start), np.int64)
    for before, frame in pairwise(frames):
        alive = np.flatnonzero(missed <= _PATIENCE)
        steps = np.array([step_between(before, frame, box) for box in boxes[alive]], np.float32).reshape(-1, 2)
        boxes[alive] += np.tile(steps, 2)
        found, places = detector.refine(frame, boxes[alive])
        near = _overlap(found.boxes, boxes[alive[places]]) >= _SAME
        found, origin = found.take(near), alive[places[near]]
        missed += 1
        boxes[origin], missed[origin] = found.boxes, 0
        seen.append(_Sight(found, origin))
    return seen


def step_between(before: NDArray[np.uint8], after: NDArray[np.uint8], box: NDArray[np.float32]) -> tuple[float, float]:
    """Return how far what is in a box has moved from one frame to the next, in pixels; (0, 0) where that is unclear.

    The grey patch is sought up to one box side away by normalised cross-correlation, at a size of 24 pixels.
    """
    x1, y1, x2, y2 = (int(edge) for edge in box)
    height, width = before.shape[:2]
    side = max(x2 - x1, y2 - y1, 1)
    left, top, right, bottom = max(0, x1), max(0, y1), min(width, x2), min(height, y2)
    if right - left < side // 3 or bottom - top < side // 3:
        return 0.0, 0.0
    scale = min(1.0, PATCH_PX / side)
    # The field around the patch begins a whole number of shrunk pixels from it, so that no movement reads as none.
    reach = round(side * scale) / scale
    field_left, field_top = max(0, round(left - reach)), max(0, round(top - reach))
    field = after[field_top : round(bottom + reach), field_left : round(right + reach)]
    patch = _shrunk(before[top:bottom, left:right], scale)
    field_grey = _shrunk(field, scale)
    if patch.std() < 2 or field_grey.shape[0] < patch.shape[0] or field_grey.shape[1] < patch.shape[1]:
        return 0.0, 0.0
    likeness = cv2.matchTemplate(field_grey, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(likeness)
    if best < _LIKE:
        return 0.0, 0.0
    return column / scale + field_left - left, row / scale + field_top - top


def _shrunk(part: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    size = max(2, round(grey.shape[1] * scale)), max(2, round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _is_broken(first: Detections, forward: list[_Sight], last: Detections, backward: list[_Sight]) -> bool:
    """Return whether a sure face is lost going forward, one about there going back, and frames between have neither."""
    ends = [(first, forward, range(len(forward)))]
    unmet = _apart(last, forward[-1].found)
    ends.append((unmet, backward, range(len(backward) - 1, -1, -1)))
    lost_forward, lost_backward = (_losses(start, seen, order) for start, seen, order in ends)
    # Places in `forward` are frames from the second on, in `backward` from the first on.
    return any(
        (begin - 1) - end > 1 and _may_be_one(box, other, begin - 1 - end)
        for end, box in lost_forward
        for begin, other in lost_backward
    )


def _may_be_one(box: NDArray[np.float32], other: NDArray[np.float32], frames: int) -> bool:
    """Return whether a face could get from one box to another in so many frames."""
    one_side, other_side = (float(np.sqrt(np.prod(edges[2:] - edges[:2]))) for edges in (box, other))
    way = float(np.linalg.norm((box[:2] + box[2:] - other[:2] - other[2:]) / 2))
    return 0.6 < one_side / max(other_side, 1.0) < 1.6 and way <= _FASTEST * frames * min(one_side, other_side)


def _losses(start: Detections, seen: list[_Sight], order: range) -> list[tuple[int, NDArray[np.float32]]]:
    """Return, of each sure face that does not arrive, the place in `seen` where it is met last and its box there.

    A face that is never met is given the place before the chase's first.
    """
    losses = []
    for number in np.flatnonzero(start.scores >= SURE):
        met = [place for place in order if number in seen[place].origin]
        if not met:
            losses.append((order.start - order.step, start.boxes[number]))
        elif met[-1] != order[-1]:
            last = seen[met[-1]]
            losses.append((met[-1], last.found.boxes[last.origin == number][0]))
    return losses


def _apart(faces: Detections, others: Detections) -> Detections:
    """Return the faces that are none of the others."""
    met = np.asarray((overlaps(faces.boxes, others.boxes) >= _SAME).any(axis=1), bool)
    return faces.take(~met)


def _overlap(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the intersection over union (n,) of boxes (n, 4) with others (n, 4), one by one."""
    return np.asarray(overlaps(boxes, others).diagonal())
