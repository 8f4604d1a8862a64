"""What Debian's ffmpeg and ffprobe say of a video: the reference for geometry and time."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Probed:
    """One frame as ffprobe states it; no time where it says `N/A`."""

    time_s: float | None
    width: int
    height: int


def make(path: Path, *arguments: str) -> Path:
    """Run `ffmpeg ARGUMENTS PATH`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, str(path)], check=True, capture_output=True)
    return path


def probe(path: Path) -> list[Probed]:
    """Return the frames of the first video stream, in order of display."""
    entries = "frame=best_effort_timestamp_time,width,height"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "json", str(path)]
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    times = [frame.get("best_effort_timestamp_time") for frame in said["frames"]]
    return [
        Probed(None if time is None else float(time), frame["width"], frame["height"])
        for time, frame in zip(times, said["frames"], strict=True)
    ]


def first_frame(path: Path) -> NDArray[np.uint8]:
    """Return the first frame as ffmpeg shows it, of the stream that it takes and upright, (height, width, 3) RGB."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm", "-"]
    picture = subprocess.run(command, check=True, capture_output=True).stdout
    magic, width, height, _, pixels = picture.split(maxsplit=4)
    assert magic == b"P6"
    return np.frombuffer(pixels[-int(width) * int(height) * 3 :], np.uint8).reshape(int(height), int(width), 3)
