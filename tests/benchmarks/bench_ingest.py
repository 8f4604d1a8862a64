"""Time `fertools ingest` on a video beside a plain facenet-pytorch loop over the same frames.

    .venv/bin/python tests/benchmarks/bench_ingest.py VIDEO [--runs 3] [--follow] [--reference mtcnn_reference.json]

Both may use all processors, decode every frame, and find faces of 20 pixels and more with the published thresholds.
The two run in turn, so that a change of the machine's pace touches both. The loop only detects, with its networks
loaded before the clock starts; ours is a whole process, which also imports torch, follows, aligns, measures, writes
crops and commits a manifest.

Beside the ratio stands the quality: which share of the loop's faces is a row of our manifest with a box that overlaps
it by half (IoU), which share of ours the loop has, and how far the five points of those lie apart. `--reference`
compares with stored detections too: per video and frame a list of `box`, `score` and `points`. `--follow` passes that
on to our ingest; the other faces are those that a frame by frame search finds all the same.
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
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path; the oracle lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.workspace import Workspace
from fertools.faces.tracks import overlaps
from fertools.manifests import store
from tests.faces.oracle import facenet_detect, facenet_mtcnn

Faces = dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Boxes (n, 4) and points (n, 5, 2) by frame."""


@dataclass(frozen=True)
class Agreement:
    """How far one program's faces are another's: number wanted, share found, and distances of the points found."""

    wanted: int
    share: float
    mean_px: float
    worst_px: float

    def __str__(self) -> str:
        points = f"points apart {self.mean_px:.4f} px in the mean, {self.worst_px:.4f} px at worst"
        return f"{self.share:.4f} of {self.wanted}; {points}"


def run_ours(video: Path, options: Sequence[str]) -> tuple[float, Faces]:
    """Return seconds of one whole `fertools ingest` process, and its faces."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from fertools.cli.main import main; main()"]
        begun_s = time.perf_counter()
        subprocess.run([*command, "ingest", str(video), "-w", folder, *options], check=True, capture_output=True)
        elapsed_s = time.perf_counter() - begun_s
        rows = store.read_faces(Workspace.at(folder), ("frame_index", "box", "landmarks")).to_pylist()
    return elapsed_s, _by_frame([(row["frame_index"], row["box"], row["landmarks"]) for row in rows])


def run_facenet(video: Path) -> tuple[float, int, Faces]:
    """Return seconds of a facenet-pytorch loop with its networks loaded already, the frames, and its faces."""
    detector = facenet_mtcnn()
    capture = cv2.VideoCapture(str(video))
    faces: Faces = {}
    begun_s = time.perf_counter()
    index = 0
    while (read := capture.read())[0]:
        boxes, _, points = facenet_detect(detector, np.asarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), np.uint8))
        faces[index] = boxes, points
        index += 1
    return time.perf_counter() - begun_s, index, faces


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
                distances.append(np.linalg.norm(points[place] - given[index][1][other], axis=1))
    apart = np.array(distances) if distances else np.full((1, 5), np.nan)
    return Agreement(total, len(distances) / max(total, 1), float(apart.mean()), float(apart.max()))


def _by_frame(rows: list[tuple[int, list[float], list[list[float]]]]) -> Faces:
    gathered: dict[int, tuple[list[list[float]], list[list[list[float]]]]] = {}
    for index, box, points in rows:
        boxes, fives = gathered.setdefault(index, ([], []))
        boxes.append(box)
        fives.append(points)
    return {
        index: (np.array(boxes, np.float32), np.array(fives, np.float32)) for index, (boxes, fives) in gathered.items()
    }


def main() -> None:
    """Print medians, their ratio and how far the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--follow", action="store_true", help="let our ingest follow faces between searched frames")
    parser.add_argument("--reference", type=Path, help="stored detections to compare with too")
    arguments = parser.parse_args()
    ours, theirs = [], []
    for _ in range(arguments.runs):
        seconds, our_faces = run_ours(arguments.video, ["--follow"] if arguments.follow else [])
        ours.append(seconds)
        seconds, count, their_faces = run_facenet(arguments.video)
        theirs.append(seconds)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {count} frames, {arguments.runs} runs")
    print(f"facenet-pytorch loop   median {statistics.median(theirs):6.2f} s  {[round(value, 2) for value in theirs]}")
    print(f"fertools ingest, whole median {statistics.median(ours):6.2f} s  {[round(value, 2) for value in ours]}")
    ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
    print(f"ratio, pair by pair    median {statistics.median(ratios):6.2f}")
    print(f"its faces that we have {compare(their_faces, our_faces)}")
    print(f"our faces that it has  {compare(our_faces, their_faces)}")
    if arguments.reference:
        print(f"stored faces we have   {compare(stored(arguments.reference, arguments.video), our_faces)}")


if __name__ == "__main__":
    main()
