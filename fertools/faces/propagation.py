"""Faces between two searched frames, found again near where they were instead of anywhere.

The full cascade looks at every place of a frame at every size. A face that was there a moment ago is near its last box,
so of all windows only those around it need be looked at (`Detector.detect_near`), and the answer is that of the full
search for a few hundredths of its cost. `search_between` does that in a block of frames whose first and last were
searched in full:

1. A face that is in both is expected on the straight line between, one that is in the first or the last only where its
   picture moves to. What the full search doubts is expected where it was, for a face that comes and goes with the
   detector's doubts is in neither. All frames are looked at in one go, which keeps the networks' batches long.
2. Where a face is missing it is followed, forward from the first and backward from the last, to where its picture
   moved. A face that appears or leaves in the middle is so found from the end that has it.
3. Where a sure face was lost on the way and one in about the same place was lost on the way back, with frames between
   in which neither is seen, the frame in the middle is searched in full and both halves are done again.

What can be missed is a face that is in neither of two searched frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.detections import Detections, Survey, join
from fertools.faces.detection.mtcnn.cascade import Detector
from fertools.faces.tracking import overlaps

Frames = Sequence[NDArray[np.uint8]]
Box = NDArray[np.float32]

SURE = 0.9
"""Faces that score this are worth a second search; below are the detector's doubtful ones, which come and go."""

_SAME = 0.4
"""Least intersection over union of one face with where it is expected, and with itself found in another way."""

_FASTEST = 0.6
"""Sides of its box that a face moves between frames at most, where a lost one is looked for among those that come."""

_PATIENCE = 3
"""Frames in a row that a face may not be found in before it is no longer expected."""

_SEEN = 0.75
"""Intersection over union of a place with one that was looked at, from which there is nothing new to find there."""

PATCH_PX = 24
_LIKE = 0.5
"""Least correlation of a patch with the place that it is said to have moved to."""


def search_between(detector: Detector, frames: Frames, first: Survey, last: Survey) -> list[Detections]:
    """Return the faces of the frames between the first and the last.

    Args:
        detector: finds.
        frames: (height, width, 3) uint8 RGB, successive ones of one video, two or more.
        first: what `Detector.survey` gives of `frames[0]`.
        last: likewise in `frames[-1]`.

    Returns:
        One entry for each of `frames[1:-1]`.
    """
    if len(frames) == 2:
        return []
    seen = _expected(frames, first, last)
    found = [first.faces, *detector.detect_near(frames[1:-1], seen[1:-1]), last.faces]
    lost = _chase(detector, frames, found, seen, range(len(frames)))
    # A face that the way forward arrived with needs no way back.
    unmet = [chase for chase in _chase(detector, frames, found, seen, range(len(frames) - 1, -1, -1)) if chase.sure]
    if _is_broken([chase for chase in lost if chase.sure], unmet):
        middle = len(frames) // 2
        (again,) = detector.survey([frames[middle]])
        before = search_between(detector, frames[: middle + 1], first, again)
        return [*before, again.faces, *search_between(detector, frames[middle:], again, last)]
    return found[1:-1]


def _expected(frames: Frames, first: Survey, last: Survey) -> list[NDArray[np.float32]]:
    """Return where faces are expected in each of the frames, (n, 4) boxes, first and last included."""
    starts, ends = (np.concatenate([survey.faces.boxes, survey.doubtful]) for survey in (first, last))
    pairs = _paired(starts, ends)
    share = np.linspace(0, 1, len(frames), dtype=np.float32)[:, None]
    ways = [starts[one] + (ends[other] - starts[one]) * share for one, other in pairs]
    count = len(frames)
    for survey, boxes, met, order in (
        (first, starts, {one for one, _ in pairs}, range(count)),
        (last, ends, {other for _, other in pairs}, range(count - 1, -1, -1)),
    ):
        for place in sorted(set(range(len(boxes))) - met):
            sure = place < len(survey.faces) and survey.faces.scores[place] >= SURE
            ways.append(_drift(frames, boxes[place], order) if sure else np.tile(boxes[place], (count, 1)))
    return list(np.array(ways, np.float32).reshape(len(ways), count, 4).transpose(1, 0, 2))


def _drift(frames: Frames, box: Box, order: range) -> NDArray[np.float32]:
    """Return where (frames, 4) the picture in a box of the first frame of `order` moves to."""
    way = np.tile(box, (len(frames), 1))
    for before, here in pairwise(order):
        way[here] = way[before] + np.tile(step_between(frames[before], frames[here], way[before]), 2)
    return way


def _paired(first: NDArray[np.float32], last: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return which box of the first frame may be which of the last, the nearest first, each once."""
    ways = [
        (_way(box, other), place, other_place)
        for place, box in enumerate(first)
        for other_place, other in enumerate(last)
        if _alike(box, other)
    ]
    pairs: dict[int, int] = {}
    for way, place, other in sorted(ways):
        if way < 1 and place not in pairs and other not in pairs.values():
            pairs[place] = other
    return list(pairs.items())


@dataclass
class _Chase:
    """One face on its way through a block.

    Attributes:
        box: where it was met last.
        met: the frame in which that was.
        sure: whether it scored enough at the start to be worth a second search.
        lost: for how many frames it was not met.
    """

    box: Box
    met: int
    sure: bool
    lost: int = field(default=0)


def _chase(
    detector: Detector, frames: Frames, found: list[Detections], seen: list[NDArray[np.float32]], order: range
) -> list[_Chase]:
    """Follow the faces of the first frame of `order` through the others; return those that do not arrive.

    What is met on the way and was not found before is added to `found`, and where it was looked for to `seen`.
    """
    start = found[order[0]]
    chases = [_Chase(box, order[0], bool(score >= SURE)) for box, score in zip(start.boxes, start.scores, strict=True)]
    for before, here in pairwise(order):
        alive = [chase for chase in chases if chase.lost <= _PATIENCE]
        missing = _meet(alive, found[here], here)
        # The last frame was searched in full.
        if missing and here != order[-1]:
            for chase in missing:
                chase.box = _guess(chase, frames[before], frames[here])
            guesses = np.array([chase.box for chase in missing])
            # Where one was looked for already there is nothing that is not found yet.
            unseen = guesses[overlaps(guesses, seen[here]).max(axis=1, initial=0) < _SEEN]
            if len(unseen):
                (more,) = detector.detect_near([frames[here]], [unseen])
                seen[here] = np.concatenate([seen[here], unseen])
                found[here] = join([found[here], _apart(more, found[here])])
            missing = _meet(missing, found[here], here)
        for chase in missing:
            chase.lost += 1
    return [chase for chase in chases if chase.met != order[-1]]


def _meet(chases: list[_Chase], found: Detections, frame: int) -> list[_Chase]:
    """Move each face to where it is found in a frame; return those that are not."""
    if not chases:
        return []
    overlap = overlaps(np.array([chase.box for chase in chases]), found.boxes)
    missing = []
    for number, chase in enumerate(chases):
        if len(found) and overlap[number].max() >= _SAME:
            chase.box, chase.met, chase.lost = found.boxes[int(overlap[number].argmax())], frame, 0
        else:
            missing.append(chase)
    return missing


def _guess(chase: _Chase, before: NDArray[np.uint8], here: NDArray[np.uint8]) -> Box:
    """Return where the picture in a face's box has moved to."""
    return np.asarray(chase.box + np.tile(step_between(before, here, chase.box), 2), np.float32)


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
    size = max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale))
    # Of much that is averaged, every n-th pixel says the same.
    step = max(1, int(1 / (3 * scale)))
    small = cv2.resize(part[::step, ::step], size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _is_broken(forward: list[_Chase], backward: list[_Chase]) -> bool:
    """Return whether a face is lost going forward, one about there going back, and frames between have neither."""
    return any(
        back.met - one.met > 1 and _may_be_one(one.box, back.box, back.met - one.met)
        for one in forward
        for back in backward
    )


def _may_be_one(box: Box, other: Box, frames: int) -> bool:
    """Return whether a face could get from one box to another in so many frames."""
    return _alike(box, other) and _way(box, other) <= _FASTEST * frames


def _alike(box: Box, other: Box) -> bool:
    """Return whether boxes are of about one size."""
    one_side, other_side = _side(box), _side(other)
    return 0.6 < one_side / other_side < 1.6


def _way(box: Box, other: Box) -> float:
    """Return the distance of the middles of boxes, in sides of the smaller."""
    way = float(np.linalg.norm((box[:2] + box[2:] - other[:2] - other[2:]) / 2))
    return way / min(_side(box), _side(other))


def _side(box: Box) -> float:
    return max(1.0, float(np.sqrt(np.prod(box[2:] - box[:2]))))


def _apart(faces: Detections, others: Detections) -> Detections:
    """Return the faces that are none of the others."""
    met = np.asarray((overlaps(faces.boxes, others.boxes) >= _SAME).any(axis=1), bool)
    return faces.take(~met)
