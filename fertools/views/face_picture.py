"""Draw a face in its frame: the detector's box, the landmarks and the outline of the crop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fertools.annotations.surroundings import REACH
from fertools.core import files, products
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.sources.face_frames import FaceFrame, read_face_frame

WHOLE_PX, PART_PX = 1600, 900
"""Longest side of a drawn frame, and of a drawn part of it, in pixels. A smaller part is enlarged."""
MARKS = "box white, crop blue, landmarks red, smoothed landmarks green crosses"
"""The legend of a drawing."""
_WHITE, _BLACK, _BLUE, _RED, _GREEN = (255, 255, 255), (0, 0, 0), (70, 150, 255), (230, 40, 40), (20, 190, 90)

Picture = NDArray[np.uint8]


def draw_face(workspace: WorkspaceLike, face_id: str, path: Path | str, *, around: bool = False) -> None:
    """Write a face in its frame as a PNG file, with its box, its landmarks and the outline of its crop.

    The box is white and the outline of the crop blue. Landmarks of the detector are red dots, smoothed landmarks green
    crosses.

    Args:
        workspace: workspace of the face, or the path of its folder.
        face_id: identifier of the face.
        path: path of the PNG file to write.
        around: draw only the part of the frame around the face, enlarged if it is small.

    Raises:
        InputError: there is no such face, or its source is missing or cannot be read.
        SchemaError: the manifest is damaged or of another schema version.
        StorageError: the file cannot be written.
    """
    picture = Image.fromarray(face_picture(read_face_frame(Workspace(workspace), face_id), around=around))
    with files.replacing(Path(path)) as temporary:
        picture.save(temporary, format="PNG", pnginfo=products.png_metadata())


def face_picture(frame: FaceFrame, *, around: bool) -> Picture:
    """Return a frame with its face marked, (H, W, 3) uint8 RGB; see `draw_face`.

    Args:
        frame: the face and its frame.
        around: return only the part of the frame around the face.
    """
    face, rgb = frame.face, frame.rgb
    first = np.zeros(2)
    if around and face["box"] is not None:
        first, rgb = _part(rgb, np.array(face["box"], np.float64))
    longest = max(rgb.shape[:2])
    scale = PART_PX / longest if around else min(1.0, WHOLE_PX / longest)
    size = [max(1, round(side * scale)) for side in rgb.shape[1::-1]]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=way), np.uint8)
    _mark(drawn, face, scale, lambda points: (np.array(points, np.float64).reshape(-1, 2) - first) * scale)
    return drawn


def _part(rgb: Picture, box: NDArray[np.float64]) -> tuple[NDArray[np.float64], Picture]:
    """Return the corner of the part around a box, and the part; it never extends beyond the frame."""
    middle, side = (box[:2] + box[2:]) / 2, float(np.max(box[2:] - box[:2]))
    size = np.array(rgb.shape[1::-1])
    first = np.clip(np.floor(middle - REACH / 2 * side), 0, size - 1).astype(int)
    end = np.maximum(np.clip(np.ceil(middle + REACH / 2 * side), 1, size).astype(int), first + 1)
    return first.astype(np.float64), rgb[first[1] : end[1], first[0] : end[0]]


def _mark(drawn: Picture, face: dict[str, Any], scale: float, place: Callable[[Any], NDArray[np.float64]]) -> None:
    # Thick marks would hide a small face.
    side = max(drawn.shape[:2]) / 3 if face["face_px"] is None else face["face_px"] * scale
    width = max(1, round(min(max(drawn.shape[:2]) / 500, side / 100)))
    if face["matrix"] is not None and face["size_px"] is not None:
        _outline(drawn, place(_crop_corners(np.array(face["matrix"], np.float64), face["size_px"])), _BLUE, width)
    if face["box"] is not None:
        x1, y1, x2, y2 = face["box"]
        _outline(drawn, place([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]), _WHITE, width)
    radius = max(1, round(min(2.5 * width, side / 40)))
    for point in _whole(place(face["landmarks"] or [])):
        cv2.circle(drawn, point, radius + (width + 1) // 2, _WHITE, -1, cv2.LINE_AA)
        cv2.circle(drawn, point, radius, _RED, -1, cv2.LINE_AA)
    for point in _whole(place(face["landmarks_smoothed"] or [])):
        cv2.drawMarker(drawn, point, _BLACK, cv2.MARKER_CROSS, 4 * radius + 2, width + 2, cv2.LINE_AA)
        cv2.drawMarker(drawn, point, _GREEN, cv2.MARKER_CROSS, 4 * radius, width, cv2.LINE_AA)


def _crop_corners(matrix: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
    """Return the corners of a crop in pixels of the frame, 4 x 2, from the transform of the frame to the crop."""
    # The middle of a pixel has whole coordinates, so the edge of the crop is half a pixel outside.
    low, high = -0.5, size_px - 0.5
    corners = np.array([(low, low), (high, low), (high, high), (low, high)])
    return np.asarray(np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T).T, np.float64)


def _outline(drawn: Picture, corners: NDArray[np.float64], colour: tuple[int, int, int], width: int) -> None:
    points = np.array(_whole(corners), np.int32)
    cv2.polylines(drawn, [points], True, _BLACK, width + 2, cv2.LINE_AA)
    cv2.polylines(drawn, [points], True, colour, width, cv2.LINE_AA)


def _whole(points: NDArray[np.float64]) -> list[tuple[int, int]]:
    # OpenCV takes 32 bits; a damaged row may name a point far away.
    clipped = np.clip(np.nan_to_num(np.round(points)), -30_000, 30_000).astype(int)
    return [(x, y) for x, y in clipped.tolist()]
