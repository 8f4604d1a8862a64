"""Time `fertools ingest` of a video beside a plain facenet-pytorch program that does the same.

    .venv/bin/python tests/benchmarks/bench_ingest.py VIDEO... [--frames 300] [--heights 0 1080 2160] [--runs 3]
        [--copies 8 | --together] [--pass=--exhaustive] [--reference mtcnn_reference.json]

Both are processes of their own and may use all processors, decode every frame, find faces of 20 pixels and more with
the published thresholds, follow, align, and write crops and a table; `peer.py` is the other one. They run in turn, so
that a change of the machine's pace touches both. Two ratios: of whole processes, and without what each needs before its
first frame (of ours: an ingest of a picture of 16 x 16 px). `--frames` lengthens a clip by playing it forth and back,
for a video of usual length hides the start; `--heights` resizes it.

`--copies` gives ours so many copies of each clip in one command, which is what a folder of videos is: a worker takes a
video, and no two threads work on one. The other program goes through its videos one by one, so its pace is that of one
clip; and, as its second form, one of it runs on each processor, with one thread. `--together` gives ours all clips in
one command, and goes through them one by one with the other program, whose start is then counted once.

Beside them stands the speed of decoding alone, and the quality: which share of the program's faces is a row of our
manifest with a box that overlaps it by half (IoU), which share of ours it has, and how far the five points of those
lie apart, in the mean, in its distances between the eyes. `--reference` compares with stored detections too: per video
and frame a list of `box`, `score` and `points`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.workspace import Workspace
from fertools.faces.tracking import overlaps
from fertools.manifests import store
from fertools.sources.videos import FrameReader
from tests.benchmarks.clips import copy_videos, lengthened

Faces = dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Boxes (n, 4) and points (n, 5, 2) by frame; those of the n-th clip of several from n times `APART` on."""

APART = 1_000_000

PEER = Path(__file__).parent / "peer.py"


@dataclass(frozen=True)
class Agreement:
    """How far one program's faces are another's: number wanted, share found, and distances of the points found.

    Attributes:
        wanted: how many faces.
        share: of them that are found.
        mean: distance of the points, in distances between the wanted eyes.
        worst: likewise, the mean of the five points of the face that is furthest off.
    """

    wanted: int
    share: float
    mean: float
    worst: float

    def __str__(self) -> str:
        return f"{self.share:.4f} of {self.wanted}; points apart {self.mean:.4f} eye distances (worst {self.worst:.3f})"


@dataclass(frozen=True)
class Run:
    """One program's run: frames, seconds before the first and from then on, its largest memory, and its faces."""

    frames: int
    start_s: float
    loop_s: float
    peak_mb: float
    faces: Faces

    @property
    def frame_s(self) -> float:
        """Seconds a frame, without the start."""
        return self.loop_s / self.frames


def run_ours(videos: Sequence[Path], copies: int, start_s: float, options: Sequence[str]) -> Run:
    """Ingest so many copies of each clip in one command; the faces are those of the first ones."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given"
        copy_videos(videos, copies, given)
        elapsed_s, peak_mb = _ingest(given, Path(folder) / "w", options)
        workspace = Workspace(Path(folder) / "w")
        sources = store.read_sources(workspace, ("source_id", "path", "frames_searched")).to_pylist()
        # Copies are called after the place of their clip and their own number.
        numbers = {source["source_id"]: Path(source["path"]).stem.split("-") for source in sources}
        columns = ("source_id", "frame_index", "box", "landmarks")
        # Rows between two detections have no landmarks, and are nothing that a detector found.
        rows = store.read_faces(workspace, columns, [("interpolated", "=", False)]).to_pylist()
    found = [(*numbers[row["source_id"]], row["frame_index"], row["box"], row["landmarks"]) for row in rows]
    faces = _by_frame([(int(place) * APART + at, *face) for place, copy, at, *face in found if int(copy) == 0])
    frames = sum(source["frames_searched"] for source in sources)
    return Run(frames, start_s, elapsed_s - start_s, peak_mb, faces)


def time_our_start(options: Sequence[str]) -> float:
    """Return the seconds of an ingest that has nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "a.png"
        cv2.imwrite(str(picture), np.zeros((16, 16, 3), np.uint8))
        return _ingest(picture, Path(folder) / "w", options)[0]


def _ingest(given: Path, workspace: Path, options: Sequence[str]) -> tuple[float, float]:
    """Return the seconds of one whole `fertools ingest`, and the largest memory of its largest process in MB."""
    command = [sys.executable, "-c", "from fertools.cli.main import main; main()"]
    begun_s = time.perf_counter()
    command += ["ingest", str(given), "-w", str(workspace), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed_s = time.perf_counter() - begun_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"fertools ingest of {given} ended with {process.returncode}")
    return elapsed_s, usage.ru_maxrss / 1024


def run_peer(videos: Sequence[Path], beside: int = 1) -> Run:
    """Let the other program work on clips, one by one; only the start of the first counts.

    With `beside`, so many of it run at once, each on that clip and with one thread.
    """
    runs = [_run_peer(video, beside) for video in videos]
    faces = {place * APART + frame: found for place, run in enumerate(runs) for frame, found in run.faces.items()}
    frames, loop_s = sum(run.frames for run in runs), sum(run.loop_s for run in runs)
    return Run(frames, runs[0].start_s, loop_s, max(run.peak_mb for run in runs), faces)


def _run_peer(video: Path, beside: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        begun_s = time.perf_counter()
        environment = {**os.environ, **({"OMP_NUM_THREADS": "1"} if beside > 1 else {})}
        running = []
        for number in range(beside):
            (own := Path(folder) / str(number)).mkdir()
            command = [sys.executable, "-W", "ignore", str(PEER), str(video), str(own)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
        elapsed_s = time.perf_counter() - begun_s
        with np.load(Path(folder) / "0" / "faces.npz") as held:
            rows = zip(held["frames"].tolist(), held["boxes"], held["points"], strict=True)
            faces = _by_frame(list(rows))
    loop_s = max(one["loop_s"] for one in told)
    frames, peak_mb = sum(one["frames"] for one in told), max(one["peak_mb"] for one in told)
    return Run(frames, elapsed_s - loop_s, loop_s, peak_mb, faces)


def time_decoding(video: Path) -> float:
    """Return the seconds that our reader takes for all frames, with nothing done to them."""
    begun_s = time.perf_counter()
    for _ in FrameReader(video):
        pass
    return time.perf_counter() - begun_s


def stored(path: Path, video: Path) -> Faces:
    """Return the faces that a reference file holds of a video."""
    frames = json.loads(path.read_text(encoding="utf-8"))[video.name]["detections"]
    return _by_frame([(int(frame), face["box"], face["points"]) for frame, found in frames.items() for face in found])


def compare(wanted: Faces, given: Faces) -> Agreement:
    """Return how many faces of `wanted` have one in `given`, in the same frame, with an IoU of 0.5 or more."""
    total, distances = 0, []
    for index, (boxes, points) in wanted.items():
        total += len(boxes)
        if not len(boxes) or index not in given or not len(given[index][0]):
            continue
        overlap = overlaps(boxes, given[index][0])
        for place, other in enumerate(overlap.argmax(axis=1)):
            if overlap[place, other] >= 0.5:
                eyes = float(np.linalg.norm(points[place, 1] - points[place, 0]))
                apart = np.linalg.norm(points[place] - given[index][1][other], axis=1).mean()
                distances.append(float(apart) / max(eyes, 1.0))
    if not distances:
        return Agreement(total, 0.0, float("nan"), float("nan"))
    return Agreement(total, len(distances) / max(total, 1), statistics.fmean(distances), max(distances))


def _by_frame(rows: Sequence[tuple[int, Sequence[float], Sequence[Sequence[float]]]]) -> Faces:
    gathered: dict[int, tuple[list[Sequence[float]], list[Sequence[Sequence[float]]]]] = {}
    for index, box, points in rows:
        boxes, fives = gathered.setdefault(index, ([], []))
        boxes.append(box)
        fives.append(points)
    return {
        index: (np.array(boxes, np.float32), np.array(fives, np.float32)) for index, (boxes, fives) in gathered.items()
    }


def measure(
    videos: Sequence[Path], name: str, runs: int, copies: int, options: Sequence[str], reference: Path | None
) -> None:
    """Print the medians of one clip, or of all together, their ratios, and how far the answers differ."""
    processors = len(os.sched_getaffinity(0)) if copies > 1 else 1
    ours, peers, beside, decoding = [], [], [], []
    for _ in range(runs):
        ours.append(run_ours(videos, copies, time_our_start(options), options))
        peers.append(run_peer(videos))
        if processors > 1:
            beside.append(run_peer(videos, processors))
        decoding.append(sum(map(time_decoding, videos)) / peers[-1].frames)
    print(f"{name}: {peers[0].frames} frames, {copies} copies, {runs} runs")
    programs = {"facenet-pytorch": peers, f"{processors} of it at once": beside, "fertools ingest": ours}
    for label, program in programs.items():
        if program:
            pace = 1 / statistics.median(run.frame_s for run in program)
            starts = statistics.median(run.start_s for run in program)
            peak_mb = statistics.median(run.peak_mb for run in program)
            print(f"  {label:16} {pace:7.1f} frames/s after {starts:.2f} s to start; {peak_mb:.0f} MB at most")
    for label, program in list(programs.items())[:2]:
        pairs = list(zip(program, ours, strict=False))
        if not pairs:
            continue
        whole = statistics.median(
            (peer.start_s + peer.frame_s * our.frames) / (our.start_s + our.loop_s) for peer, our in pairs
        )
        steady = statistics.median(peer.frame_s / our.frame_s for peer, our in pairs)
        if min(our.loop_s for our in ours) <= 0:
            # A short clip takes less than a machine's pace changes between the start that is measured and the run.
            print(f"  {whole:.2f} times {label}, whole; too short to take the starts off, try --frames")
        else:
            print(f"  {whole:.2f} times {label}, whole; {steady:.2f} without the starts")
    share = statistics.median(seconds / run.frame_s for seconds, run in zip(decoding, ours, strict=True))
    print(f"  decoding alone   {1 / statistics.median(decoding):7.1f} frames/s, of which ours is {share:.1%}")
    print(f"  its faces that we have {compare(peers[-1].faces, ours[-1].faces)}")
    print(f"  our faces that it has  {compare(ours[-1].faces, peers[-1].faces)}")
    if reference:
        print(f"  stored faces we have   {compare(stored(reference, videos[0]), ours[-1].faces)}")


def _lengthened_elsewhere(video: Path, clip: Path, frames: int, height: int) -> None:
    """Make a clip in a process of its own: the largest memory of a process counts as that of those it starts too."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(lengthened, video, clip, frames=frames, height=height).result()


def main() -> None:
    """Measure each clip at each height."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=0, help="play each clip forth and back to so many; 0: as it is")
    parser.add_argument("--heights", type=int, nargs="*", default=[0], help="frame heights; 0 is as it is")
    parser.add_argument("--copies", type=int, default=1, help="of each clip, for ours in one command")
    parser.add_argument("--together", action="store_true", help="all clips in one command")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pass", dest="options", default="", help="options for fertools ingest, in one text")
    parser.add_argument("--reference", type=Path, help="stored detections to compare with too, of clips as they are")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {len(os.sched_getaffinity(0))} processors")
    options = shlex.split(arguments.options)
    groups = [arguments.videos] if arguments.together else [[video] for video in arguments.videos]
    for videos in groups:
        for height in arguments.heights:
            name = f"{len(videos)} clips" if arguments.together else videos[0].name
            if not (height or arguments.frames):
                reference = None if arguments.together else arguments.reference
                measure(videos, name, arguments.runs, arguments.copies, options, reference)
                continue
            with tempfile.TemporaryDirectory() as folder:
                clips = [Path(folder) / f"{video.stem}.mp4" for video in videos]
                for video, clip in zip(videos, clips, strict=True):
                    _lengthened_elsewhere(video, clip, arguments.frames or 300, height)
                measure(clips, f"{name}, {height or 'own'} lines", arguments.runs, arguments.copies, options, None)


if __name__ == "__main__":
    main()
