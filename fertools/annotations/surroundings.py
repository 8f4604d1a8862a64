"""Draw the surroundings of a face: the part of its picture or frame that the crop leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.sources.animations import read_video
from fertools.sources.archives.opened import exists, local_file
from fertools.sources.grey_range import PER_IMAGE
from fertools.sources.images import read_image
from fertools.sources.sampling import Sampling
from fertools.sources.videos import choose_stream, open_video, upright

REACH = 2.5
"""Distance from the centre of the face to each side of the part, in sides of the box."""
MOST_PX = 1024
_COLUMNS = ("face_id", "source_id", "frame_index", "pts_s", "box")
_NEAR_S = 0.002
"""Containers round times to a millisecond."""

Picture = NDArray[np.uint8]


def draw_surroundings(workspace: Workspace, face_id: str) -> bytes:
    """Return the surroundings of a face as JPEG, with its box.

    Args:
        workspace: the workspace of the face.
        face_id: identifier of the face.

    Raises:
        InputError: there is no such face, or its source is missing or cannot be read.
    """
    rows = store.read_faces(workspace, _COLUMNS, [("face_id", "=", face_id)]).to_pylist()
    if not rows:
        raise InputError(f"there is no face '{face_id}' in {workspace.manifest}")
    (face,) = rows
    wanted = [("source_id", "=", face["source_id"])]
    (source,) = store.read_sources(workspace, ("path", "kind"), wanted).to_pylist()
    path = workspace.path_of(source["path"])
    if not exists(path):
        raise InputError(f"{path} is missing, so only the crop can be shown; restore it")
    # The whole range of 16 bits would show most thermal pictures as one grey.
    with local_file(path) as file:
        frame = read_image(file, PER_IMAGE) if source["kind"] == "image" else _frame(file, face)
    return _coded(around(frame, np.array(face["box"], np.float64)))


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


def _frame(path: Path, face: dict[str, Any]) -> Picture:
    """Return the frame of a video in which a face is."""
    if face["pts_s"] is not None:
        with reading(path, "cannot be read at this moment"), open_video(path) as container:
            stream = choose_stream(container)
            if stream.time_base:
                # From the key frame before, so that the middle of an hour comes as soon as its beginning.
                container.seek(int(face["pts_s"] / stream.time_base), stream=stream)
                for frame in container.decode(stream):
                    if isinstance(frame, av.VideoFrame) and frame.time is not None:
                        if abs(frame.time - face["pts_s"]) <= _NEAR_S:
                            return upright(frame, VideoReformatter(), PER_IMAGE)
                        if frame.time > face["pts_s"]:
                            break
    # Where times are not as the container states them, frames are counted.
    for found in read_video(path, sampling=Sampling(indices=frozenset({face["frame_index"]})), grey_range=PER_IMAGE):
        return found.rgb
    raise InputError(f"{path} ends before frame {face['frame_index']}; it has changed since it was ingested")


def _coded(picture: Picture) -> bytes:
    factor = MOST_PX / max(picture.shape[:2])
    if factor < 1:
        picture = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
