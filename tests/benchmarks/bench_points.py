"""How far the five points lie from points placed by people: those of our detector, and those of facenet-pytorch.

    .venv/bin/python tests/benchmarks/bench_points.py POINTS.csv [FACE.pts ...] [--mode fast]

A table has the picture's file, relative to the table, in its first column, and x and y of left eye, right eye, nose,
left and right mouth corner, in pixels, in the next ten, under one line of names. A `.pts` file (iBUG's 68 points,
counted from pixel 1) belongs to the picture of the same name beside it; of it the middle of each eye's six points, the
tip of the nose and the corners of the mouth are taken.

Of each picture the surest face around the points counts. Its error is the mean distance of its five points, in percent
of the distance of the eyes as they were placed. A face that one of the two does not find is left out of both means.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

# Run as a script, only this folder is on the path; the oracle lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.faces.detection.mtcnn.cascade import MODES
from fertools.sources.images import read_image
from tests.benchmarks.bench_recall import Faces, detectors

POINTS = ("left eye", "right eye", "nose", "left mouth", "right mouth")
Five = NDArray[np.float64]


def read_table(path: Path) -> Iterator[tuple[Path, Five]]:
    """Yield the pictures of a table and their points (5, 2)."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        for row in rows:
            yield path.parent / row[0], np.array(row[1:11], np.float64).reshape(5, 2)


def read_pts(path: Path) -> tuple[Path, Five]:
    """Return the picture of a `.pts` file and its points (5, 2)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index("{") + 1
    points = np.array([line.split() for line in lines[start : start + 68]], np.float64) - 1
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    picture = next(other for other in sorted(path.parent.glob(f"{path.stem}.*")) if other != path)
    return picture, np.array([*eyes, points[30], points[48], points[54]])


def errors(placed: Five, found: Faces) -> NDArray[np.float64] | None:
    """Return the five distances as shares of that of the eyes; None if no face lies around the points."""
    x, y = placed.mean(axis=0)
    boxes, scores, points = found
    around = np.flatnonzero((boxes[:, 0] < x) & (x < boxes[:, 2]) & (boxes[:, 1] < y) & (y < boxes[:, 3]))
    if not len(around):
        return None
    best = around[scores[around].argmax()]
    away: NDArray[np.float64] = np.linalg.norm(points[best] - placed, axis=1) / np.linalg.norm(placed[0] - placed[1])
    return away


def read_all(paths: Sequence[Path]) -> Iterator[tuple[Path, Five]]:
    """Yield the pictures of tables and `.pts` files, and their points."""
    for path in paths:
        if path.suffix == ".pts":
            yield read_pts(path)
        else:
            yield from read_table(path)


def main() -> None:
    """Print a row per picture and detector, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path, nargs="+")
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="of our detector")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    finders = detectors(arguments.mode)
    gathered: dict[str, list[NDArray[np.float64]]] = {name: [] for name in finders}
    print(f"| picture | detector | mean | {' | '.join(POINTS)} |\n|---|---|---|{'---|' * len(POINTS)}")
    for path, placed in read_all(arguments.points):
        picture = read_image(path)
        away = {name: errors(placed, find(picture)) for name, find in finders.items()}
        for name, five in away.items():
            if five is None:
                print(f"| {path.name} | {name} | not found |{' – |' * len(POINTS)}")
            else:
                print(_row(path.name, name, five), flush=True)
        for name, five in away.items():
            if five is not None and all(other is not None for other in away.values()):
                gathered[name].append(five)
    for name, rows in gathered.items():
        if rows:
            print(_row(f"mean of {len(rows)}", name, np.mean(rows, axis=0)))
            print(_row("worst", name, np.max(rows, axis=0), float(np.mean(rows, axis=1).max())))


def _row(picture: str, detector: str, five: NDArray[np.float64], mean: float | None = None) -> str:
    cells = [f"{share:.2%}" for share in (five.mean() if mean is None else mean, *five)]
    return f"| {picture} | {detector} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
