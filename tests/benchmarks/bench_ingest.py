"""Time `fertools ingest` on a video beside a plain facenet-pytorch loop over the same frames.

    .venv/bin/python tests/benchmarks/bench_ingest.py VIDEO [--runs 3]

Both decode every frame, find faces of 20 pixels and more with the published thresholds, and the two run in turn,
so that a change of the machine's pace touches both. The loop only detects; ours also follows, aligns, measures,
writes crops and commits a manifest. Beside the ratio stands the quality: which share of the loop's faces is a row
of our manifest with a box that overlaps it by half (IoU), and which share of ours the loop has.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from fertools.core.workspace import Workspace
from fertools.manifests import store
from tests.faces.oracle import facenet_mtcnn


def run_ours(video: Path) -> tuple[float, dict[int, list[list[float]]]]:
    """Return seconds of one whole `fertools ingest` process, and its boxes per frame."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from fertools.cli.main import main; main()"]
        begun_s = time.perf_counter()
        subprocess.run([*command, "ingest", str(video), "-w", folder], check=True, capture_output=True)
        elapsed_s = time.perf_counter() - begun_s
        boxes: dict[int, list[list[float]]] = {}
        for row in store.read_faces(Workspace.at(folder), ("frame_index", "box")).to_pylist():
            boxes.setdefault(row["frame_index"], []).append(row["box"])
    return elapsed_s, boxes


def run_facenet(video: Path) -> tuple[float, dict[int, list[list[float]]]]:
    """Return seconds of a facenet-pytorch loop with its networks loaded already, and its boxes per frame."""
    detector = facenet_mtcnn()
    capture = cv2.VideoCapture(str(video))
    boxes: dict[int, list[list[float]]] = {}
    begun_s = time.perf_counter()
    index = 0
    while (read := capture.read())[0]:
        found, *_ = detector.detect(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), landmarks=True)
        boxes[index] = [] if found is None else found.tolist()
        index += 1
    return time.perf_counter() - begun_s, boxes


def share_found(wanted: dict[int, list[list[float]]], given: dict[int, list[list[float]]]) -> float:
    """Return which share of the boxes in `wanted` has one in `given`, in the same frame, with IoU of 0.5 or more."""
    hits = total = 0
    for index, boxes in wanted.items():
        for box in boxes:
            total += 1
            hits += any(_overlap(box, other) >= 0.5 for other in given.get(index, []))
    return hits / max(total, 1)


def _overlap(a: Any, b: Any) -> float:
    left, top, right, bottom = np.maximum(a[:2], b[:2]).tolist() + np.minimum(a[2:], b[2:]).tolist()
    common = max(0.0, right - left) * max(0.0, bottom - top)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(common / (areas - common))


def main() -> None:
    """Print medians, their ratio and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    ours, theirs = [], []
    for _ in range(arguments.runs):
        seconds, our_boxes = run_ours(arguments.video)
        ours.append(seconds)
        seconds, their_boxes = run_facenet(arguments.video)
        theirs.append(seconds)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {len(their_boxes)} frames")
    print(f"facenet-pytorch loop   median {statistics.median(theirs):6.2f} s  {[round(value, 2) for value in theirs]}")
    print(f"fertools ingest, whole median {statistics.median(ours):6.2f} s  {[round(value, 2) for value in ours]}")
    ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
    print(f"ratio, pair by pair    median {statistics.median(ratios):6.2f}")
    print(f"its faces that we have {share_found(their_boxes, our_boxes):.4f}")
    print(f"our faces that it has  {share_found(our_boxes, their_boxes):.4f}")


if __name__ == "__main__":
    main()
