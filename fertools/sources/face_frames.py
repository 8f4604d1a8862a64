"""Read the picture or the frame of a video that a face was found in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.one_face import read_face
from fertools.sources.animations import read_video
from fertools.sources.archives.opened import exists, local_file
from fertools.sources.grey_range import PER_IMAGE
from fertools.sources.images import read_image
from fertools.sources.sampling import Sampling
from fertools.sources.videos import choose_stream, open_video, set_threads, upright

_NEAR_S = 0.002
"""Containers round times to a millisecond."""


@dataclass(frozen=True)
class FaceFrame:
    """A face and its frame.

    Attributes:
        face: row of the manifest.
        path: path of the source, as in the sources table.
        rgb: (H, W, 3) uint8; the upright frame, which boxes and landmarks refer to.
    """

    face: dict[str, Any]
    path: str
    rgb: NDArray[np.uint8]


def read_face_frame(workspace: Workspace, face_id: str) -> FaceFrame:
    """Return a face and the picture or frame that it was found in.

    The grey values of a picture of 16 bits are stretched, since most thermal pictures would show as one grey.

    Args:
        workspace: workspace of the face.
        face_id: identifier of the face.

    Raises:
        InputError: there is no such face, or its source is missing or cannot be read.
        SchemaError: the manifest is damaged.
    """
    face = read_face(workspace, face_id)
    wanted = [("source_id", "=", face["source_id"])]
    rows = store.read_sources(workspace, ("path", "kind"), wanted).to_pylist()
    if not rows:
        raise InputError(f"the source of face '{face_id}' is not in {workspace.sources}; run {calls.VALIDATE}")
    (source,) = rows
    path = workspace.path_of(source["path"])
    if not exists(path):
        raise InputError(f"{path} is missing, so only the crop can be shown; restore it")
    with local_file(path) as file:
        rgb = read_image(file, PER_IMAGE) if source["kind"] == "image" else _frame(file, face)
    return FaceFrame(face, source["path"], rgb)


def _frame(path: Path, face: dict[str, Any]) -> NDArray[np.uint8]:
    """Return the frame of a video in which a face is."""
    if face["pts_s"] is not None:
        with reading(path, "cannot be read at this moment"), open_video(path) as container:
            stream = choose_stream(container)
            set_threads(stream)
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
