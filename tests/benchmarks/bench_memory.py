"""Watch the memory of `fertools ingest` over a long video, or on large frames.

    .venv/bin/python tests/benchmarks/bench_memory.py --hours 3 [--size 96x96] [--bins 18] [--pass OPTIONS]
    .venv/bin/python tests/benchmarks/bench_memory.py --seconds 20 --size 3840x2160 [--bins 1]

It makes the video itself, at 25 frames a second: drawn people who move, another one every minute, so that there are
cuts and tracks. Small frames are cheap to draw, encode and search, and rows, tracks and what was found weigh as much
as from large ones; so memory over hours is watched on small frames, every one of them searched, and memory for large
frames on short videos.

Memory is that of the process and all its children, looked at four times a second: resident (pages that several share
counted once, as the system shares them out, PSS), and how much of it is not backed by a file. The rest is programs,
libraries and files that are mapped, which the system may take back at any time. Where in the video an ingest is, is
what it last said of the frames that it has searched. A line gives the peaks within its stretch of the video.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.samples.moments import draw_clip

FPS = 25
WATCH_S = 0.25
PEOPLE, MOMENTS = 4, 24
# Progress is said ten times a second instead of every few, so that a peak has its place.
PROGRAM = (
    "from fertools.core.progress import Progress; Progress.__init__.__kwdefaults__['interval_s'] = 0.1; "
    "from fertools.cli.main import main; main()"
)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """One look at a running ingest: frames it said that it has searched, and megabytes of its processes."""

    frames: int
    resident_mb: float
    anonymous_mb: float


def make_video(path: Path, width: int, height: int, frames: int) -> None:
    """Write a video of people, one a minute, who move to and fro."""
    side = min(width, height, 512)
    clips = [
        [moment.picture("visible", side) for moment in draw_clip(person, EMOTIONS[person], "lab", MOMENTS).moments]
        for person in range(1, PEOPLE + 1)
    ]
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 200, (-(-height // 32), -(-width // 32), 3)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(_picture(clips, ground, side, number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _picture(clips: list[list[Picture]], ground: Picture, side: int, number: int) -> Picture:
    clip = clips[number // (60 * FPS) % len(clips)]
    # There and back again, so that nothing jumps.
    place = number % (2 * MOMENTS - 2)
    person = clip[min(place, 2 * MOMENTS - 2 - place)]
    swing = np.sin(2 * np.pi * number / (6 * FPS))
    picture = ground.copy()
    height, width = ground.shape[:2]
    if width == side:
        return np.ascontiguousarray(np.roll(person, round(0.06 * side * swing), axis=1))
    left, top = round((0.5 + 0.4 * swing) * (width - side)), (height - side) // 2
    picture[top : top + side, left : left + side] = person
    return picture


def watch(command: Sequence[str]) -> list[Look]:
    """Run an ingest to its end and return what was seen of it."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = _Said(cast(IO[str], process.stderr))
    looks = []
    while process.poll() is None:
        resident_kb, anonymous_kb = np.sum([_memory_kb(one) for one in _tree(process.pid)], axis=0)
        looks.append(Look(said.frames, resident_kb / 1024, anonymous_kb / 1024))
        time.sleep(WATCH_S)
    said.join()
    if process.returncode:
        raise SystemExit(f"the ingest ended with exit code {process.returncode}: {said.last}")
    return looks


class _Said(threading.Thread):
    """Reads what an ingest says, and keeps the number of frames that it has searched."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(daemon=True)
        self._stream, self.frames, self.last = stream, 0, ""
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self.last = line.strip()
            for part in line.split(", "):
                count, _, name = part.strip().partition(" ")
                if name == "frames":
                    self.frames = int(count.replace(",", ""))


def _tree(process: int) -> list[int]:
    """Return a process and all below it."""
    try:
        words = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return [process]
    return [process, *(one for word in words for one in _tree(int(word)))]


def _memory_kb(process: int) -> tuple[int, int]:
    """Return the resident and the anonymous memory of a process; zeros if it is gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {words[0]: int(words[1]) for line in lines if len(words := line.split()) == 3}
    return values.get("Pss:", 0), values.get("Anonymous:", 0)


def main() -> None:
    """Print the peaks of memory, stretch by stretch of the video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--hours", type=float)
    length.add_argument("--seconds", type=float)
    parser.add_argument("--size", default="96x96", help="WIDTHxHEIGHT, even")
    parser.add_argument("--bins", type=int, default=18, help="stretches that the video is parted into")
    parser.add_argument("--pass", dest="options", default="", help="further options of the ingest")
    parser.add_argument("--keep", type=Path, help="folder of the video and the workspace; a temporary one if none")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    seconds = arguments.seconds or arguments.hours * 3600
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        frames = round(seconds * FPS)
        make_video(folder / "long.mp4", width, height, frames)
        begun_s = time.perf_counter()
        options = ["--min-face", "20%", "--crop-px", "32", *shlex.split(arguments.options)]
        command = [sys.executable, "-c", PROGRAM, "ingest", str(folder / "long.mp4"), "-w", str(folder / "w"), *options]
        looks = watch(command)
        elapsed_s = time.perf_counter() - begun_s
        rows = len(store.read_faces(Workspace(folder / "w"), ("face_id",)))
    print(f"{width} x {height}, {frames} frames at {FPS} a second, {rows} rows, {' '.join(options)}")
    print(f"{elapsed_s:.0f} s, {frames / elapsed_s:.0f} frames a second")
    print(f"{'minutes of video':>18} {'resident MB':>12} {'anonymous MB':>13}")
    edges = np.linspace(0, frames, arguments.bins + 1)
    for begin, end in pairwise(edges.tolist()):
        within = [look for look in looks if begin < look.frames <= end]
        _print(f"{begin / FPS / 60:8.1f} - {end / FPS / 60:5.1f}", within)
    _print("from start to end", looks)


def _print(words: str, looks: Sequence[Look]) -> None:
    peaks = [
        max((getattr(look, name) for look in looks), default=float("nan")) for name in ("resident_mb", "anonymous_mb")
    ]
    print(f"{words:>18} {peaks[0]:12.0f} {peaks[1]:13.0f}")


if __name__ == "__main__":
    main()
