"""Set the registered detectors side by side on photographs: recall, false alarms, boxes, points and speed.

    .venv/bin/python tests/benchmarks/bench_detectors.py PHOTOS.csv [--detectors mtcnn yunet] [--min-face 20]

The table has a row per photograph with the columns `file` (relative to the table), `faces_min` (faces that any detector
should find) and `faces_max` (faces that a detector may report, with blurred and cut ones).

Two numbers count at each score level. Recall is the share of `faces_min` that is found: a photograph counts at most its
`faces_min`. A false alarm is a face beyond `faces_max`. Boxes and points of two detectors are compared where two boxes
overlap by half (intersection over union): mean overlap, and mean distance of the five points in percent of the distance
of the first detector's eyes. Speed is CPU time on one thread; detectors take each photograph in turn.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.faces.detection.detections import Detections
from fertools.faces.detection.detector import Detector, DetectorOptions
from fertools.faces.detection.min_face import MinFace
from fertools.faces.detection.registry import load_detector
from fertools.faces.tracking import overlaps
from fertools.sources.images import read_image


@dataclass(frozen=True)
class Photo:
    """One photograph and how many faces it shows, at least and at most."""

    path: Path
    least: int
    most: int


@dataclass
class Tally:
    """What one detector found.

    Attributes:
        found: faces of each photograph.
        cpu_s: CPU time for all of them.
        megapixels: size of all of them.
    """

    found: list[Detections] = field(default_factory=list)
    cpu_s: float = 0.0
    megapixels: float = 0.0

    def recall(self, photos: Sequence[Photo], level: float) -> float:
        """Return the share of the wanted faces that score `level` or more."""
        counts = [int((one.scores >= level).sum()) for one in self.found]
        hits = sum(min(count, photo.least) for count, photo in zip(counts, photos, strict=True))
        return hits / max(1, sum(photo.least for photo in photos))

    def false_alarms(self, photos: Sequence[Photo], level: float) -> int:
        """Return how many faces that score `level` or more are beyond what their photograph shows."""
        counts = [int((one.scores >= level).sum()) for one in self.found]
        return sum(max(0, count - photo.most) for count, photo in zip(counts, photos, strict=True))


def read_table(path: Path) -> list[Photo]:
    """Return the photographs of a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [Photo(path.parent / row["file"], int(row["faces_min"]), int(row["faces_max"])) for row in rows]


def measure(detectors: dict[str, Detector], photos: Sequence[Photo]) -> dict[str, Tally]:
    """Let each detector search each photograph, in turn."""
    tallies = {name: Tally() for name in detectors}
    for photo in photos:
        rgb = read_image(photo.path)
        for name, detector in detectors.items():
            # The first search of a size prepares what the next ones use.
            detector.detect([rgb])
            begun_s = time.process_time()
            tallies[name].found += detector.detect([rgb])
            tallies[name].cpu_s += time.process_time() - begun_s
            tallies[name].megapixels += rgb.shape[0] * rgb.shape[1] / 1e6
    return tallies


def compare(one: Sequence[Detections], other: Sequence[Detections]) -> tuple[int, float, float]:
    """Return how many faces two detectors share, their mean overlap and the mean distance of their points."""
    ious: list[float] = []
    apart: list[float] = []
    for first, second in zip(one, other, strict=True):
        if not len(first) or not len(second):
            continue
        overlap = overlaps(first.boxes, second.boxes)
        for place, match in enumerate(overlap.argmax(axis=1)):
            if overlap[place, match] >= 0.5:
                ious.append(float(overlap[place, match]))
                apart.append(_distance(first.landmarks[place], second.landmarks[match]))
    return len(ious), float(np.mean(ious)) if ious else float("nan"), float(np.mean(apart)) if apart else float("nan")


def _distance(points: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    eyes_px = max(1.0, float(np.linalg.norm(points[1] - points[0])))
    return float(np.linalg.norm(points - others, axis=1).mean()) / eyes_px


def main() -> None:
    """Print a table of the detectors and a line for each pair of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--detectors", nargs="+", default=["mtcnn", "yunet"])
    parser.add_argument("--min-face", default="20", help="smallest face, as for fertools ingest")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photos = read_table(arguments.table)
    options = DetectorOptions(min_face=MinFace.parse(arguments.min_face))
    detectors = {name: load_detector(name, options) for name in arguments.detectors}
    tallies = measure(detectors, photos)
    print(f"{len(photos)} photographs, {sum(photo.least for photo in photos)} faces that any detector should find")
    print("| detector | level | least score | recall | false alarms | CPU ms per photo | CPU ms per megapixel |")
    print("|---|---|---|---|---|---|---|")
    for name, tally in tallies.items():
        levels = detectors[name].score_levels
        for word, level in (("all", 0.0), ("confident", levels.confident), ("certain", levels.certain)):
            cells = f"{level:.2f} | {tally.recall(photos, level):.4f} | {tally.false_alarms(photos, level)}"
            speed = f"{tally.cpu_s / len(photos) * 1e3:.1f} | {tally.cpu_s / tally.megapixels * 1e3:.1f}"
            print(f"| {name} | {word} | {cells} | {speed} |")
    for one, other in itertools.combinations(tallies, 2):
        count, iou, apart = compare(tallies[one].found, tallies[other].found)
        print(f"{one} and {other} share {count} faces: mean overlap {iou:.3f}, points apart {apart:.1%} of the eyes")


if __name__ == "__main__":
    main()
