"""Time the detector beside facenet-pytorch on the frames of a video, and compare what both find.

    .venv/bin/python tests/benchmarks/bench_faces.py VIDEO [--every 10] [--heights 480 1080] [--runs 3] [--threads 1]

Both get the same decoded frames, one at a time and in turn, so that a change of the machine's pace touches both. A
time is the sum over frames of the median of the runs. A face of one is found by the other if a box of it overlaps
by half (IoU); worst IoU and worst distance of any of the five points are over all faces that are found.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path; the oracle lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.faces.cascade import MODES, Detector
from fertools.faces.tracks import overlaps
from tests.benchmarks.peer import quick_nms
from tests.faces import oracle
from tests.faces.oracle import facenet_detect, facenet_mtcnn

Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def read(video: Path, every: int, height: int) -> list[NDArray[np.uint8]]:
    """Return every n-th frame as RGB, resized to a height if that is not 0."""
    capture = cv2.VideoCapture(str(video))
    frames = []
    index = 0
    while (step := capture.read())[0]:
        if index % every == 0:
            rgb = cv2.cvtColor(step[1], cv2.COLOR_BGR2RGB)
            if height and height != rgb.shape[0]:
                width = round(rgb.shape[1] * height / rgb.shape[0])
                rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
            frames.append(np.asarray(rgb, dtype=np.uint8))
        index += 1
    return frames


def timed(detect: Callable[[NDArray[np.uint8]], Found], frame: NDArray[np.uint8]) -> tuple[float, Found]:
    """Return the seconds of one call, and its answer."""
    begun_s = time.perf_counter()
    found = detect(frame)
    return time.perf_counter() - begun_s, found


def compare(wanted: Found, given: Found) -> tuple[int, float, float]:
    """Return how many faces of `wanted` are in `given`, and the worst IoU and point distance (px) among those."""
    if not len(wanted[0]) or not len(given[0]):
        return 0, 1.0, 0.0
    overlap = overlaps(wanted[0], given[0])
    nearest, best = overlap.argmax(axis=1), overlap.max(axis=1)
    hit = best >= 0.5
    if not hit.any():
        return 0, 1.0, 0.0
    distance = np.linalg.norm(wanted[2][hit] - given[2][nearest[hit]], axis=2)
    return int(hit.sum()), float(best[hit].min()), float(distance.max())


def main() -> None:
    """Print times, their ratio and how far the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--every", type=int, default=10, help="take every n-th frame")
    parser.add_argument("--heights", type=int, nargs="*", default=[0], help="frame heights; 0 is as it is")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mode", choices=MODES, default="fast")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    oracle.nms = quick_nms
    detector, reference = Detector(mode=arguments.mode), facenet_mtcnn()

    def ours(frame: NDArray[np.uint8]) -> Found:
        found = detector.detect([frame])[0]
        return found.boxes, found.scores, found.landmarks

    def theirs(frame: NDArray[np.uint8]) -> Found:
        return facenet_detect(reference, frame)

    for height in arguments.heights:
        frames = read(arguments.video, arguments.every, height)
        seconds, ratios, counts, matched = [0.0, 0.0], [], [0, 0], [0, 0]
        worst_iou, worst_px = 1.0, 0.0
        for frame in frames:
            pairs = [(timed(ours, frame), timed(theirs, frame)) for _ in range(arguments.runs)]
            medians = [statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
            seconds = [total + median for total, median in zip(seconds, medians, strict=True)]
            ratios.append(medians[1] / medians[0])
            mine, its = pairs[-1][0][1], pairs[-1][1][1]
            counts = [counts[0] + len(mine[0]), counts[1] + len(its[0])]
            recalled, iou, distance = compare(its, mine)
            matched = [matched[0] + recalled, matched[1] + compare(mine, its)[0]]
            worst_iou, worst_px = min(worst_iou, iou), max(worst_px, distance)
        rows, columns = frames[0].shape[:2]
        print(f"{columns}x{rows}, {len(frames)} frames, {arguments.threads} threads, torch {torch.__version__}")
        print(f"  fertools         {seconds[0] / len(frames) * 1e3:8.1f} ms per frame")
        print(f"  facenet-pytorch  {seconds[1] / len(frames) * 1e3:8.1f} ms per frame")
        print(
            f"  ratio            {seconds[1] / seconds[0]:8.2f} (median of the frames {statistics.median(ratios):.2f})"
        )
        print(f"  its {counts[1]} faces that we find  {matched[0] / max(1, counts[1]):.4f}")
        print(f"  our {counts[0]} faces that it finds {matched[1] / max(1, counts[0]):.4f}")
        print(f"  worst IoU {worst_iou:.6f}, worst point {worst_px:.6f} px")


if __name__ == "__main__":
    main()
