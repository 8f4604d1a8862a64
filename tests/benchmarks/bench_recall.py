"""Set the faces of our detector, and of facenet-pytorch run now, beside stored ones: recall, precision, boxes, points.

    .venv/bin/python tests/benchmarks/bench_recall.py REFERENCE.json [--mode fast] [--least-score 0.9]

A reference file says what another program found, in pictures or in frames of videos that lie beside it, by their name:

    {"images/a.jpg": {"faces": [{"box": [x1, y1, x2, y2], "score": 0.99, "points": [[x, y], ... five]}]},
     "b.mp4": {"detections": {"0": [ ... faces as above], "10": []}}}

Three rows per file, and totals: the faces of each detector beside the stored ones, and ours beside those that
facenet-pytorch finds now, since other releases of it, of torch and of decoders round otherwise. How many faces are
wanted and how many were found; the share of the wanted that was found (recall) and of the found that is wanted
(precision), where a box overlaps one of the other side by half (IoU) or more; the mean and the least of those
overlaps; the mean and the largest distance of the four edges, in percent of the wanted box's width, and of the five
points, in percent of the distance of the wanted eyes; the largest distance of a point in pixels. Where only faces from
some score on were stored, `--least-score` keeps those below out of precision; recall counts them, since a score may
fall just short of a bound.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path; the oracle lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.faces.detection.mtcnn.cascade import MODES, MtcnnDetector
from fertools.faces.tracking import overlaps
from fertools.sources.images import read_image
from tests.faces.detection.mtcnn.oracle import facenet_detect, facenet_mtcnn

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
Faces = tuple[Floats, Floats, Floats]
"""Boxes (n, 4), scores (n,) and points (n, 5, 2) of one picture."""
Detect = Callable[[Picture], Faces]

HEADER = (
    "| file | faces of, beside those of | wanted | found | recall | precision | IoU mean | least | edges mean | worst "
    "| points mean | worst | worst, px |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass
class Tally:
    """How the faces found in some pictures agree with those that are wanted.

    Attributes:
        wanted: faces wanted.
        found: faces found, of those that score enough to be wanted.
        recalled: wanted ones that were found.
        confirmed: found ones that are wanted.
        ious: overlap of each recalled face.
        edges: distances of its four edges, as shares of the width of the wanted box.
        apart: distances of its five points, as shares of the distance of the wanted eyes.
        apart_px: likewise, in pixels.
    """

    wanted: int = 0
    found: int = 0
    recalled: int = 0
    confirmed: int = 0
    ious: list[float] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    apart_px: list[float] = field(default_factory=list)

    def add(self, wanted: Faces, found: Faces, least_score: float = 0.0) -> None:
        """Count one picture."""
        sure = found[1] >= least_score
        self.wanted += len(wanted[0])
        self.found += int(sure.sum())
        if not len(wanted[0]) or not len(found[0]):
            return
        overlap = overlaps(wanted[0], found[0])
        self.confirmed += int((overlap[:, sure].max(axis=0) >= 0.5).sum())
        for place, other in enumerate(overlap.argmax(axis=1)):
            if overlap[place, other] >= 0.5:
                self.recalled += 1
                self.ious.append(float(overlap[place, other]))
                width_px = wanted[0][place, 2] - wanted[0][place, 0]
                self.edges += (np.abs(wanted[0][place] - found[0][other]) / width_px).tolist()
                eyes_px = float(np.linalg.norm(wanted[2][place, 0] - wanted[2][place, 1]))
                apart_px = np.linalg.norm(wanted[2][place] - found[2][other], axis=1)
                self.apart += (apart_px / eyes_px).tolist()
                self.apart_px += apart_px.tolist()

    def join(self, other: Tally) -> None:
        """Count what another counted."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def row(self, file: str, sides: str) -> str:
        """Return a line of the table; `–` where there is nothing to take a share or a mean of."""

        def share(part: int, whole: int) -> str:
            return f"{part / whole:.4f}" if whole else "–"

        cells = [file, sides, f"{self.wanted}", f"{self.found}"]
        cells += [share(self.recalled, self.wanted), share(self.confirmed, self.found)]
        cells += [f"{np.mean(self.ious):.4f}", f"{min(self.ious):.4f}"] if self.ious else ["–", "–"]
        for shares in (self.edges, self.apart):
            cells += [f"{np.mean(shares):.2%}", f"{max(shares):.2%}"] if shares else ["–", "–"]
        cells += [f"{max(self.apart_px):.3f}"] if self.apart_px else ["–"]
        return f"| {' | '.join(cells)} |"


def read_faces(rows: list[dict[str, Any]]) -> Faces:
    """Return stored faces as arrays."""
    return (
        np.array([row["box"] for row in rows], np.float32).reshape(-1, 4),
        np.array([row["score"] for row in rows], np.float32),
        np.array([row["points"] for row in rows], np.float32).reshape(-1, 5, 2),
    )


def extract_features(path: Path, entry: dict[str, Any]) -> Iterator[tuple[Picture, Faces]]:
    """Yield the pictures of a file that faces are stored of, and those faces."""
    if "faces" in entry:
        yield read_image(path), read_faces(entry["faces"])
        return
    wanted = {int(index): faces for index, faces in entry["detections"].items()}
    capture, index = cv2.VideoCapture(str(path)), 0
    while wanted and (step := capture.read())[0]:
        if index in wanted:
            yield np.asarray(cv2.cvtColor(step[1], cv2.COLOR_BGR2RGB), np.uint8), read_faces(wanted.pop(index))
        index += 1
    if wanted:
        raise SystemExit(f"{path} has {index} frames, and faces are stored of frame {min(wanted)}")


def detectors(mode: str) -> dict[str, Detect]:
    """Return what finds faces of 20 px and more: ours in a mode, and facenet-pytorch."""
    detector, reference = MtcnnDetector(mode=mode), facenet_mtcnn()

    def ours(picture: Picture) -> Faces:
        found = detector.detect([picture])[0]
        return found.boxes, found.scores, found.landmarks

    return {f"fertools {mode}": ours, "facenet-pytorch": lambda picture: facenet_detect(reference, picture)}


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="of our detector")
    parser.add_argument("--least-score", type=float, default=0.0, help="score from which faces were stored")
    parser.add_argument("--only", nargs="+", help="names of files; all others are left out")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    entries = json.loads(arguments.reference.read_text(encoding="utf-8"))
    finders = detectors(arguments.mode)
    ours, theirs = finders
    totals: dict[str, Tally] = {}
    print(HEADER)
    for file in arguments.only or entries:
        tallies = {sides: Tally() for sides in (f"{ours}, stored", f"{theirs}, stored", f"{ours}, {theirs}")}
        for picture, stored in extract_features(arguments.reference.parent / file, entries[file]):
            found = {name: find(picture) for name, find in finders.items()}
            tallies[f"{ours}, stored"].add(stored, found[ours], arguments.least_score)
            tallies[f"{theirs}, stored"].add(stored, found[theirs], arguments.least_score)
            tallies[f"{ours}, {theirs}"].add(found[theirs], found[ours])
        for sides, tally in tallies.items():
            totals.setdefault(sides, Tally()).join(tally)
            print(tally.row(file, sides), flush=True)
    for sides, tally in totals.items():
        print(tally.row("all", sides))


if __name__ == "__main__":
    main()
