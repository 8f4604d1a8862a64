"""Draw the surroundings of a face: the part of its picture or frame that the crop leaves out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.sources.face_frames import read_face_frame

REACH = 2.5
"""Distance from the centre of the face to each side of the part, in sides of the box."""
MOST_PX = 1024

Picture = NDArray[np.uint8]


def draw_surroundings(workspace: Workspace, face_id: str) -> bytes:
    """Return the surroundings of a face as JPEG, with its box.

    Args:
        workspace: the workspace of the face.
        face_id: identifier of the face.

    Raises:
        InputError: there is no such face, or its source is missing or cannot be read.
    """
    frame = read_face_frame(workspace, face_id)
    return _coded(around(frame.rgb, np.array(frame.face["box"], np.float64)))


def around(frame: Picture, box: NDArray[np.float64]) -> Picture:
    """Return the part of a frame around a box, with the box; it never extends beyond the frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: (4,) x1, y1, x2, y2 in pixels of the frame.
    """
    middle, side = (box[:2] + box[2:]) / 2, float(np.max(box[2:] - box[:2]))
    size = np.array([frame.shape[1], frame.shape[0]])
    first = np.clip(np.floor(middle - REACH * side), 0, size - 1).astype(int)
    end = np.maximum(np.clip(np.ceil(middle + REACH * side), 1, size).astype(int), first + 1)
    part = frame[first[1] : end[1], first[0] : end[0]].copy()
    corners = np.round(box - np.tile(first, 2)).astype(int).tolist()
    width = max(1, round(max(part.shape[:2]) / 200))
    cv2.rectangle(part, corners[:2], corners[2:], (255, 255, 255), 3 * width)
    cv2.rectangle(part, corners[:2], corners[2:], (0, 0, 0), width)
    return part


def _coded(picture: Picture) -> bytes:
    factor = MOST_PX / max(picture.shape[:2])
    if factor < 1:
        picture = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
