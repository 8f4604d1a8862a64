"""Agreement over many frames: `fertools annotate agreement` on a log of traces, on one of clicks, and its parts.

    python -m tests.benchmarks.bench_agreement --frames 250000 --raters 5

Each rater traces every video; a browser shows each of them other frames. The whole command is timed, in a process of
its own, and so is `fertools annotate publish`; then the command where each rater clicked every face once;
then the measures alone, on values in memory, for frames of videos and for pictures that are each a source.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fertools.annotations.agreement import axis_estimates, emotion_estimates
from fertools.annotations.events import Event
from fertools.annotations.log import RatingLog
from fertools.annotations.matrix import Ratings
from fertools.core.workspace import Workspace
from fertools.manifests import store
from tests.benchmarks.bench_rating import make_workspace

FRAMES = 500
"""Frames of a video in `make_workspace`."""
PIECE = 25
"""Samples that the page sends together."""


def write_traces(workspace: Workspace, frames: int, raters: int) -> None:
    """Write a trace of every video by every rater into the log; each misses a tenth of the frames."""
    rng = np.random.default_rng(0)
    with RatingLog(workspace.ratings_log) as log:
        for video in range(frames // FRAMES):
            truth = np.cumsum(rng.normal(size=(FRAMES, 2)) * 0.02, axis=0)
            source = f"{video:032x}"
            for number in range(raters):
                values = np.clip(truth + rng.normal(size=2) * 0.1 + rng.normal(size=(FRAMES, 2)) * 0.02, -1, 1)
                seen = np.flatnonzero(rng.random(FRAMES) > 0.1)
                take = f"take-{video}-{number}"
                body = {"source": source, "axis": "both", "speed": 1, "from_s": 0.0}
                events = [Event(take, "take", "tab", 0, body)]
                for begin in range(0, len(seen), PIECE):
                    part = seen[begin : begin + PIECE]
                    piece = {
                        "source": source,
                        "take": take,
                        "frames": part.tolist(),
                        "media_s": (part / 25).round(6).tolist(),
                        "observed_ms": (part * 40).tolist(),
                        "valence": values[part, 0].round(4).tolist(),
                        "arousal": values[part, 1].round(4).tolist(),
                    }
                    events.append(Event(f"{take}-{begin}", "trace", "tab", 1, piece))
                log.append(f"r{number}", events)


def write_clicks(workspace: Workspace, raters: int) -> int:
    """Write a click on every face by every rater into the log, and return how many there are."""
    rng = np.random.default_rng(0)
    faces = store.read_faces(workspace, ["face_id"])["face_id"].to_pylist()
    truth = rng.uniform(-0.8, 0.8, (len(faces), 2))
    with RatingLog(workspace.ratings_log) as log:
        for number in range(raters):
            values = np.clip(truth + rng.normal(size=truth.shape) * 0.1, -1, 1).round(4).tolist()
            log.append(
                f"r{number}",
                [
                    Event(
                        f"click-{number}-{place}",
                        "rate",
                        "tab",
                        place,
                        {"faces": [face], "part": "main", "valence": valence, "arousal": arousal, "accepted": False},
                    )
                    for place, (face, (valence, arousal)) in enumerate(zip(faces, values, strict=True))
                ],
            )
    return len(faces) * raters


def time_command(workspace: Workspace, *arguments: str) -> tuple[float, str]:
    """Return the seconds that `fertools annotate ARGUMENTS` takes, and what it prints."""
    program = "from fertools.cli.main import main; main()"
    begun = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", program, "annotate", *arguments, "-w", str(workspace.root), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - begun, ended.stdout


def time_measures(frames: int, raters: int, videos: int) -> tuple[float, float]:
    """Return the seconds for both axes, and for expressions."""
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, (frames, 1)) + rng.normal(size=(frames, raters)) * 0.2
    items = pd.DataFrame(
        {
            "face_id": [f"{number:032x}" for number in range(frames)],
            "source_id": [f"{number * videos // frames:032x}" for number in range(frames)],
            "frame_index": np.arange(frames),
        }
    )
    names = tuple(f"r{number}" for number in range(raters))
    codes = rng.integers(-1, 7, (frames, raters))
    ratings = Ratings(names, items, {"valence": values, "arousal": -values}, codes, tuple("abcdefg"))
    begun = time.perf_counter()
    axis_estimates("faces", ratings)
    between = time.perf_counter()
    emotion_estimates(ratings)
    return between - begun, time.perf_counter() - between


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=250_000)
    parser.add_argument("--raters", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder), options.frames)
        write_traces(workspace, options.frames, options.raters)
        rows = []
        for name in ("agreement", "publish"):
            runs = [time_command(workspace, name) for _ in range(options.runs)]
            rows.append((f"`fertools annotate {name}`, traces", statistics.median(seconds for seconds, _ in runs)))
            if name == "agreement":
                found = json.loads(runs[0][1])
                (items,) = {
                    one["items"]
                    for one in found["estimates"]
                    if one["about"] == "traces" and one["axis"] == "valence" and one["measure"] == "alpha"
                }
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder), options.frames)
        clicks = write_clicks(workspace, options.raters)
        seconds = statistics.median(time_command(workspace, "agreement")[0] for _ in range(options.runs))
        rows.append((f"`fertools annotate agreement`, {clicks:,} clicks", seconds))
    for videos, what in ((max(2, options.frames // FRAMES), "frames of videos"), (options.frames, "pictures")):
        runs_of = [time_measures(options.frames, options.raters, videos) for _ in range(options.runs)]
        for place, about in enumerate(("both axes", "expressions")):
            rows.append((f"measures alone, {about}, {what}", statistics.median(run[place] for run in runs_of)))
    print(f"{options.raters} raters, {items:,} frames that two or more traced")
    for label, seconds in rows:
        print(f"| {label} | {seconds:.1f} s |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
