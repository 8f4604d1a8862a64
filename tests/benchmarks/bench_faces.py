"""Time the detector beside facenet-pytorch on pictures of several sizes, each in its fastest form, and compare faces.

    .venv/bin/python tests/benchmarks/bench_faces.py VIDEO [--every 10] [--heights 480 720 1080 2160] [--runs 3]

Pictures are frames of a video, resized. Every form gets the same ones and all processors: `one by one` is a call per
picture whose layers are parted over all threads, `lists` a call per eight pictures, `side by side` a thread per
processor with a picture each. The forms take turns in each run, so that a change of the machine's pace touches all;
medians are given, and the ratio is of the fastest form of either. A face of one is found by the other if a box of it
overlaps by half (IoU). `--threads 1` compares the two on one processor.

facenet-pytorch's suppression is done by our own, since torchvision's cannot be had beside this torch; a plain one
would slow it by 6 %.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path; the oracle lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.faces.detection.mtcnn.cascade import MODES, MtcnnDetector
from fertools.faces.tracking import overlaps
from tests.benchmarks.peer import quick_nms
from tests.faces.detection.mtcnn import oracle
from tests.faces.detection.mtcnn.oracle import facenet_detect, facenet_detect_all, facenet_mtcnn

Picture = NDArray[np.uint8]
Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Detect = Callable[[list[Picture]], list[Found]]


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


def side_by_side(detect: Detect, frames: list[Picture], threads: int) -> list[Found]:
    """Return the faces of frames, each looked at by a thread of its own."""
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(lambda frame: detect([frame])[0], frames))


def in_lists(detect: Detect, frames: list[Picture], size: int) -> list[Found]:
    """Return the faces of frames, so many to a call."""
    return [found for first in range(0, len(frames), size) for found in detect(frames[first : first + size])]


def forms(detect: Detect, frames: list[Picture], threads: int) -> dict[str, Callable[[], list[Found]]]:
    """Return the ways to find the faces of frames, by name."""
    ways = {
        "one by one": lambda: in_lists(detect, frames, 1),
        "lists": lambda: in_lists(detect, frames, 8),
    }
    if threads > 1:
        ways["side by side"] = lambda: side_by_side(detect, frames, threads)
    return ways


def main() -> None:
    """Print pictures per second, their ratio and how far the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--every", type=int, default=10, help="take every n-th frame")
    parser.add_argument("--heights", type=int, nargs="*", default=[0], help="frame heights; 0 is as it is")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--mode", choices=MODES, default="fast")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    oracle.nms = quick_nms
    detector, reference = MtcnnDetector(mode=arguments.mode), facenet_mtcnn()

    def ours(frames: list[Picture]) -> list[Found]:
        return [(found.boxes, found.scores, found.landmarks) for found in detector.detect(frames)]

    def theirs(frames: list[Picture]) -> list[Found]:
        return [facenet_detect(reference, frames[0])] if len(frames) == 1 else facenet_detect_all(reference, frames)

    print(f"torch {torch.__version__}, {arguments.threads} threads, mode {arguments.mode}, {arguments.runs} runs")
    for height in arguments.heights:
        frames = read(arguments.video, arguments.every, height)
        ways = {
            (name, form): way
            for name, detect in (("fertools", ours), ("facenet-pytorch", theirs))
            for form, way in forms(detect, frames, arguments.threads).items()
        }
        seconds: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
        answers = {}
        for _ in range(arguments.runs):
            for way, work in ways.items():
                torch.set_num_threads(arguments.threads)
                begun_s = time.perf_counter()
                answers[way] = work()
                seconds[way].append(time.perf_counter() - begun_s)
        medians = {way: statistics.median(taken) for way, taken in seconds.items()}
        rows, columns = frames[0].shape[:2]
        print(f"{columns}x{rows}, {len(frames)} pictures")
        for (name, form), taken in medians.items():
            print(f"  {name:16} {form:13} {len(frames) / taken:7.2f} pictures/s")
        mine, its = (
            min((taken, way) for way, taken in medians.items() if way[0] == name)
            for name in ("fertools", "facenet-pytorch")
        )
        print(f"  ratio of the fastest forms {its[0] / mine[0]:.2f}")
        report(answers[its[1]], answers[mine[1]])


def report(its: list[Found], ours: list[Found]) -> None:
    """Print which faces each finds of the other, and how far apart they are at worst."""
    ours_found = [compare(one, other) for one, other in zip(its, ours, strict=True)]
    its_found = [compare(one, other) for one, other in zip(ours, its, strict=True)]
    for whose, wanted, found in (("its", its, ours_found), ("our", ours, its_found)):
        count = sum(len(one[0]) for one in wanted)
        print(f"  {whose} {count} faces that the other finds {sum(hit for hit, _, _ in found) / max(1, count):.4f}")
    worst_iou, worst_px = min(one[1] for one in ours_found), max(one[2] for one in ours_found)
    print(f"  worst IoU {worst_iou:.4f}, worst point {worst_px:.3f} px")


if __name__ == "__main__":
    main()
