"""Propagation between frames: find faces again near their last position, instead of searching every frame in full.

A full search covers every position of a frame at every size. A face of the previous frame is near its last box. So a
local search around that box (`LocalSearch.detect_near`) gives the result of a full search at a few hundredths of its
cost. `propagate` does that for a block of frames whose first and last frame were searched in full:

1. A face in both frames is expected on the straight line between its two boxes. A face in only one of them is expected
   where template matching moves its box. A low-confidence candidate is expected at its own box, because a face with
   a score near the threshold can be in neither frame. One local search covers all frames, which keeps batches long.
2. A missing face is propagated by template matching, forward from the first frame and backward from the last. So a face
   that appears or leaves in the middle is found from the end that has it.
3. A high-confidence face can be lost forward and another at about the same position backward, with frames between that
   have neither. Then the middle frame is searched in full, and both halves are propagated again.

Only a face that is in neither of the two fully searched frames can be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.detections import Detections, FrameSearch, join
from fertools.faces.detection.detector import LocalSearch
from fertools.faces.tracking import overlaps

Frames = Sequence[NDArray[np.uint8]]
Box = NDArray[np.float32]

HIGH_CONFIDENCE = 0.9
"""Minimum score of a high-confidence face, which is worth a second search. Faces with lower scores come and go."""

_SAME = 0.4
"""Minimum intersection over union of a face with its expected box, and of two detections of one face."""

_FASTEST = 0.6
"""Maximum movement of a face between frames, in sides of its box, to match a lost face with a new one."""

_PATIENCE = 3
"""Number of successive frames in which a face may be missing before it is no longer expected."""

_ALREADY_SEARCHED = 0.75
"""Intersection over union with a searched window from which another search finds nothing new."""

PATCH_PX = 24
_MIN_CORRELATION = 0.5
"""Minimum normalised cross-correlation of a template with its new position."""


def propagate(detector: LocalSearch, frames: Frames, first: FrameSearch, last: FrameSearch) -> list[Detections]:
    """Return the faces of the frames between the first and the last.

    Args:
        detector: searches frames in full and locally.
        frames: two or more successive frames of one video, (height, width, 3) uint8 RGB.
        first: full search of `frames[0]`.
        last: full search of `frames[-1]`.

    Returns:
        One entry for each of `frames[1:-1]`.
    """
    if len(frames) == 2:
        return []
    searched = _expected_boxes(frames, first, last)
    found = [first.faces, *detector.detect_near(frames[1:-1], searched[1:-1]), last.faces]
    lost = _propagate_along(detector, frames, found, searched, range(len(frames)))
    # A face that the forward pass carried to the end needs no backward pass.
    unmet = [
        face
        for face in _propagate_along(detector, frames, found, searched, range(len(frames) - 1, -1, -1))
        if face.sure
    ]
    if _is_broken([face for face in lost if face.sure], unmet):
        middle = len(frames) // 2
        (again,) = detector.search([frames[middle]])
        before = propagate(detector, frames[: middle + 1], first, again)
        return [*before, again.faces, *propagate(detector, frames[middle:], again, last)]
    return found[1:-1]


def _expected_boxes(frames: Frames, first: FrameSearch, last: FrameSearch) -> list[NDArray[np.float32]]:
    """Return where faces are expected in each of the frames, (n, 4) boxes, first and last included."""
    starts, ends = (np.concatenate([search.faces.boxes, search.low_confidence]) for search in (first, last))
    pairs = _paired(starts, ends)
    share = np.linspace(0, 1, len(frames), dtype=np.float32)[:, None]
    paths = [starts[one] + (ends[other] - starts[one]) * share for one, other in pairs]
    count = len(frames)
    for search, boxes, met, order in (
        (first, starts, {one for one, _ in pairs}, range(count)),
        (last, ends, {other for _, other in pairs}, range(count - 1, -1, -1)),
    ):
        for place in sorted(set(range(len(boxes))) - met):
            sure = place < len(search.faces) and search.faces.scores[place] >= HIGH_CONFIDENCE
            paths.append(_template_path(frames, boxes[place], order) if sure else np.tile(boxes[place], (count, 1)))
    return list(np.array(paths, np.float32).reshape(len(paths), count, 4).transpose(1, 0, 2))


def _template_path(frames: Frames, box: Box, order: range) -> NDArray[np.float32]:
    """Return the path (frames, 4) of a box of the first frame of `order`, by template matching."""
    path = np.tile(box, (len(frames), 1))
    for before, here in pairwise(order):
        path[here] = path[before] + np.tile(match_displacement(frames[before], frames[here], path[before]), 2)
    return path


def _paired(first: NDArray[np.float32], last: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Match boxes of the first frame with boxes of the last, nearest first, each once."""
    candidates = [
        (_distance(box, other), place, other_place)
        for place, box in enumerate(first)
        for other_place, other in enumerate(last)
        if _similar_size(box, other)
    ]
    pairs: dict[int, int] = {}
    for distance, place, other in sorted(candidates):
        if distance < 1 and place not in pairs and other not in pairs.values():
            pairs[place] = other
    return list(pairs.items())


@dataclass
class _Propagated:
    """A face propagated through a block.

    Attributes:
        box: last known box.
        met: index of the frame of that box.
        sure: whether it is a high-confidence face.
        lost: number of successive frames without the face.
    """

    box: Box
    met: int
    sure: bool
    lost: int = field(default=0)


def _propagate_along(
    detector: LocalSearch, frames: Frames, found: list[Detections], searched: list[NDArray[np.float32]], order: range
) -> list[_Propagated]:
    """Propagate the faces of the first frame of `order` through the others; return those lost on the way.

    New detections are added to `found`, and the windows of their search to `searched`.
    """
    start = found[order[0]]
    propagated = [
        _Propagated(box, order[0], bool(score >= HIGH_CONFIDENCE))
        for box, score in zip(start.boxes, start.scores, strict=True)
    ]
    for before, here in pairwise(order):
        alive = [face for face in propagated if face.lost <= _PATIENCE]
        missing = _associate(alive, found[here], here)
        # The last frame was searched in full.
        if missing and here != order[-1]:
            for face in missing:
                face.box = _match_template(face, frames[before], frames[here])
            expected = np.array([face.box for face in missing])
            # A window that was searched already holds nothing new.
            unseen = expected[overlaps(expected, searched[here]).max(axis=1, initial=0) < _ALREADY_SEARCHED]
            if len(unseen):
                (more,) = detector.detect_near([frames[here]], [unseen])
                searched[here] = np.concatenate([searched[here], unseen])
                found[here] = join([found[here], _apart(more, found[here])])
            missing = _associate(missing, found[here], here)
        for face in missing:
            face.lost += 1
    return [face for face in propagated if face.met != order[-1]]


def _associate(propagated: list[_Propagated], found: Detections, frame: int) -> list[_Propagated]:
    """Move each face to its detection in a frame; return the faces without one."""
    if not propagated:
        return []
    overlap = overlaps(np.array([face.box for face in propagated]), found.boxes)
    missing = []
    for number, face in enumerate(propagated):
        if len(found) and overlap[number].max() >= _SAME:
            face.box, face.met, face.lost = found.boxes[int(overlap[number].argmax())], frame, 0
        else:
            missing.append(face)
    return missing


def _match_template(face: _Propagated, before: NDArray[np.uint8], here: NDArray[np.uint8]) -> Box:
    """Return the box of a face in the next frame, by template matching."""
    return np.asarray(face.box + np.tile(match_displacement(before, here, face.box), 2), np.float32)


def match_displacement(
    before: NDArray[np.uint8], after: NDArray[np.uint8], box: NDArray[np.float32]
) -> tuple[float, float]:
    """Return how far the content of a box has moved between two frames, in pixels; (0, 0) where that is unclear.

    The template is the grey patch in the box at a size of 24 pixels. It is matched by normalised cross-correlation up
    to one box side away.
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
    correlation = cv2.matchTemplate(field_grey, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(correlation)
    if best < _MIN_CORRELATION:
        return 0.0, 0.0
    return column / scale + field_left - left, row / scale + field_top - top


def _shrunk(part: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale))
    # Every n-th pixel is enough for an average over many.
    step = max(1, int(1 / (3 * scale)))
    small = cv2.resize(part[::step, ::step], size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _is_broken(forward: list[_Propagated], backward: list[_Propagated]) -> bool:
    """Return whether a face lost going forward may be one lost going backward, where frames between have neither."""
    return any(
        back.met - one.met > 1 and _may_be_one(one.box, back.box, back.met - one.met)
        for one in forward
        for back in backward
    )


def _may_be_one(box: Box, other: Box, frames: int) -> bool:
    """Return whether a face can move from one box to the other within a number of frames."""
    return _similar_size(box, other) and _distance(box, other) <= _FASTEST * frames


def _similar_size(box: Box, other: Box) -> bool:
    """Return whether two boxes are of about the same size."""
    one_side, other_side = _side(box), _side(other)
    return 0.6 < one_side / other_side < 1.6


def _distance(box: Box, other: Box) -> float:
    """Return the distance of the centres of two boxes, in sides of the smaller."""
    distance = float(np.linalg.norm((box[:2] + box[2:] - other[:2] - other[2:]) / 2))
    return distance / min(_side(box), _side(other))


def _side(box: Box) -> float:
    return max(1.0, float(np.sqrt(np.prod(box[2:] - box[:2]))))


def _apart(faces: Detections, others: Detections) -> Detections:
    """Return the faces that overlap none of the others."""
    met = np.asarray((overlaps(faces.boxes, others.boxes) >= _SAME).any(axis=1), bool)
    return faces.take(~met)
