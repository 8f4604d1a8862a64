"""Clips of any size and length for measurements, made of a given one: its frames forth and back, resized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np


def lengthened(video: Path, to: Path, *, frames: int, height: int = 0) -> Path:
    """Write `video`, forth and back until it has so many frames, as H.264.

    Args:
        video: of which all frames are held in memory, resized.
        to: an .mp4 file.
        frames: how many.
        height: of the frames in pixels, to which they are resized with the sides' ratio kept; 0 leaves them.
    """
    with av.open(str(video)) as given:
        rate = given.streams.video[0].average_rate
        held = []
        for frame in given.decode(video=0):
            rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            if height and height != rgb.shape[0]:
                # H.264 wants even sides.
                width = round(rgb.shape[1] * height / rgb.shape[0] / 2) * 2
                smooth = cv2.INTER_AREA if height < rgb.shape[0] else cv2.INTER_CUBIC
                rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=smooth), np.uint8)
            held.append(rgb)
    way = [*range(len(held)), *range(len(held) - 2, 0, -1)]
    with av.open(str(to), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = held[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(held[way[number % len(way)]], format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return to


def copy_videos(videos: Sequence[Path], copies: int, folder: Path) -> int:
    """Write each video so many times into a folder, no two files alike, and return how many files that are."""
    folder.mkdir()
    for place, video in enumerate(videos):
        content = video.read_bytes()
        for number in range(copies):
            # A box that every reader of MP4 and MOV skips; other formats end before what follows them.
            ending = (16).to_bytes(4, "big") + b"free" + (place * copies + number).to_bytes(8, "big")
            (folder / f"{place}-{number}{video.suffix}").write_bytes(content + ending)
    return len(videos) * copies
