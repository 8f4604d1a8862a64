"""Time `fertools ingest` of the same files with one worker process, with two, and so on.

    .venv/bin/python tests/benchmarks/bench_scaling.py VIDEO... [--copies 4] [--workers 1 2] [--runs 3] [--pass OPTIONS]

Each number of workers gets as many processor cores and no more, so that the threads of one worker cannot borrow those
of another. The numbers take turns within each run, and a ratio is of one run, so that a change of the machine's pace
touches both. A time is that of the whole process; `start` is that of an ingest of one picture of 16 x 16 px, which no
worker can shorten. Copies of a video get a few bytes at their end, or ingest would take them for one file. All
manifests of a run must be equal to the byte.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.workspace import Workspace
from fertools.manifests import store
from tests.benchmarks.clips import copy_videos

FERTOOLS = [sys.executable, "-c", "from fertools.cli.main import main; main()"]


def run(given: Path, workspace: Path, cores: Sequence[int], options: Sequence[str]) -> float:
    """Return the seconds of one ingest, with as many workers as there are cores."""
    command = [*FERTOOLS, "ingest", str(given), "-w", str(workspace), "--workers", str(len(cores)), *options]
    begun_s = time.perf_counter()
    # Children have the cores of their parent, from their first moment on.
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        os.sched_setaffinity(0, before)
    elapsed_s = time.perf_counter() - begun_s
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return elapsed_s


def main() -> None:
    """Print medians, their ratios to the first number of workers, and what was ingested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--copies", type=int, default=4, help="of each video")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pass", dest="options", type=shlex.split, default=[], help="options of ingest, as one text")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if max(arguments.workers) > len(cores):
        raise SystemExit(f"this process may use {len(cores)} cores; give no more --workers")
    times: dict[int, list[float]] = {workers: [] for workers in arguments.workers}
    starts: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = copy_videos(arguments.videos, arguments.copies, folder / "given")
        cv2.imwrite(str(folder / "small.png"), np.zeros((16, 16, 3), np.uint8))
        for number in range(arguments.runs):
            starts.append(run(folder / "small.png", folder / f"start-{number}", cores[:1], arguments.options))
            manifests = []
            for workers in arguments.workers:
                place = folder / f"{number}-{workers}"
                times[workers].append(run(folder / "given", place, cores[:workers], arguments.options))
                manifests.append(Workspace(place).manifest.read_bytes())
            if len(set(manifests)) > 1:
                raise SystemExit("the manifests differ with the number of workers")
        workspace = Workspace(place)
        frames = sum(store.read_sources(workspace, ("frames_searched",))["frames_searched"].to_pylist())
        faces = len(store.read_faces(workspace, ("face_id",)))
    print(f"{files} files, {frames} frames, {faces} faces, {arguments.runs} runs, the same manifest each time")
    print(f"start        median {statistics.median(starts):7.2f} s  {[round(value, 2) for value in starts]}")
    first = times[arguments.workers[0]]
    for workers, seconds in times.items():
        median_s = statistics.median(seconds)
        ratio = statistics.median(base / other for base, other in zip(first, seconds, strict=True))
        print(
            f"{f'{workers} workers':<12} median {median_s:7.2f} s  {[round(value, 2) for value in seconds]}  "
            f"{frames / median_s:.1f} frames/s, ratio {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
