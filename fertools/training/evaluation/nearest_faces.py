"""For each generated face, the nearest real training face of the target domain: a table and a picture for users.

`nearest-faces.csv` names for each face its parent, the generated face, and the nearest real face that shows the same
expression. `nearest-faces.png` shows some of them side by side. Distances are between pixels of small images.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.explain import reading
from fertools.statistics.neighbours import nearest
from fertools.training.data.faces import Pixels
from fertools.training.data.pixel_cache import resize
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.evaluation.sample_grid import Grid, draw_grids
from fertools.training.evaluation.subject_means import mean_over_subjects, number_people

NEAREST_NAME, NEAREST_PICTURE = "nearest-faces.csv", "nearest-faces.png"
"""Files in the folder of a run."""
_COLUMNS = (
    "face_id",
    "parent_id",
    "subject_id",
    "emotion",
    "parent_path",
    "generated_path",
    "nearest_id",
    "nearest_path",
    "distance",
    "nearest_of_all_emotion",
)
_SIDE_PX = 32
"""Side in pixels of the images whose distance is taken."""
_SHOWN = 12
"""Rows of the picture."""


@dataclass(frozen=True)
class Search:
    """Generated faces of one target domain, and the real faces to search.

    Attributes:
        table: rows of the N generated faces.
        generated: their pictures.
        parents: the pictures of their parents.
        parent_paths: the paths of the crops of their parents.
        pool: rows of M real training faces of the target domain.
        pool_pixels: MxSxSx3 uint8 pixels of these.
    """

    table: pa.Table
    generated: Sequence[Pixels]
    parents: Sequence[Pixels]
    parent_paths: Sequence[str]
    pool: pa.Table
    pool_pixels: Pixels


def write_nearest(root: Path, searches: Sequence[Search]) -> None:
    """Search the nearest real faces, and write the table and the picture of all target domains.

    Args:
        root: folder of the run.
        searches: the faces of each target domain.

    Raises:
        StorageError: the disk is full.
    """
    found = [_search(search) for search in searches]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(row for rows, _ in found for row in rows)
    files.write_bytes(root / NEAREST_NAME, stream.getvalue().encode())
    if grids := [grid for _, grid in found if grid.cells]:
        files.write_bytes(root / NEAREST_PICTURE, draw_grids(grids))


def _search(search: Search) -> tuple[list[tuple[str, ...]], Grid]:
    """Return the rows of the table, and some of the faces as a grid."""
    table, generated, parents, paths = search.table, search.generated, search.parents, search.parent_paths
    queries, candidates = (_features(pictures) for pictures in (generated, search.pool_pixels))
    theirs = np.array(search.pool["emotion"].to_pylist(), object)
    wanted = np.array(table["target_emotion"].to_pylist(), object)
    chosen = np.full(len(table), -1)
    distances = np.full(len(table), np.nan)
    for label in sorted({str(name) for name in wanted if name is not None}):
        rows, members = np.flatnonzero(wanted == label), np.flatnonzero(theirs == label)
        if len(members):
            found, apart = nearest(candidates[members], queries[rows], 1)
            chosen[rows], distances[rows] = members[found[:, 0]], apart[:, 0]
    overall = theirs[nearest(candidates, queries, 1)[0][:, 0]]
    known = np.flatnonzero(chosen >= 0)
    names, crops = (search.pool[name].to_pylist() for name in ("face_id", "path"))
    columns = {
        name: table[name].to_pylist() for name in ("face_id", "parent_id", "subject_id", "target_emotion", "path")
    }
    lines: list[tuple[str, ...]] = []
    for row in known.tolist():
        face, parent, subject, emotion, path = (values[row] for values in columns.values())
        best = int(chosen[row])
        ours = (face, parent, subject or "", emotion, paths[row], path)
        lines.append((*ours, names[best], crops[best], f"{distances[row]:.6f}", overall[row] or ""))
    shown = _examples(table, known)
    cells = [[parents[row], generated[row], search.pool_pixels[chosen[row]]] for row in shown]
    labels = [f"{columns['subject_id'][row] or 'unknown'}\n{wanted[row]}" for row in shown]
    return lines, Grid(("input", "generated", "nearest"), labels, cells)


def nearest_metrics(root: Path, table: pa.Table) -> Metrics | None:
    """Return the distances of generated faces to the nearest real face; None if they were not searched.

    Args:
        root: folder of the run.
        table: rows of its generated faces.

    Returns:
        `faces`, and `measures`: `distance`, the root mean squared difference of pixels from -1 to 1 to the nearest face
        of the same expression, and `same_emotion`, the share of faces whose nearest face of all shows the target. Both
        have intervals over people.

    Raises:
        InputError: the table is damaged.
    """
    path = root / NEAREST_NAME
    if not path.is_file():
        return None
    with reading(path, "is no table of nearest faces", "run the evaluation again"):
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        found: Mapping[str, Any] = {row["face_id"]: row for row in rows}
        names = table["face_id"].to_pylist()
        positions = [number for number, name in enumerate(names) if name in found]
        values = np.array(
            [
                (float(row["distance"]), float(row["nearest_of_all_emotion"] == row["emotion"]))
                for row in (found[names[number]] for number in positions)
            ]
        )
    if not positions:
        return None
    people = number_people(table.take(pa.array(positions)))
    measured = mean_over_subjects(values, people)
    return {"faces": len(positions), "measures": dict(zip(("distance", "same_emotion"), measured, strict=True))}


def _features(pictures: Sequence[Pixels] | Pixels) -> NDArray[np.float32]:
    """Return small images as rows. A distance of two is the root mean squared difference on the scale from -1 to 1."""
    rows = np.stack([resize(picture, _SIDE_PX).ravel() for picture in pictures]).astype(np.float32)
    return (rows / 127.5 - 1) / np.float32(np.sqrt(rows.shape[1]))


def _examples(table: pa.Table, known: NDArray[np.int64]) -> list[int]:
    """Return rows to show: people take turns, and each person's expressions are spread over the rows."""
    queues: dict[str | None, list[int]] = {}
    subjects, emotions = table["subject_id"].to_pylist(), table["target_emotion"].to_pylist()
    for row in known.tolist():
        queues.setdefault(subjects[row], []).append(row)
    seen: dict[str | None, int] = {}
    chosen: list[int] = []
    while len(chosen) < _SHOWN and any(queues.values()):
        for queue in queues.values():
            if queue and len(chosen) < _SHOWN:
                best = min(queue, key=lambda row: (seen.get(emotions[row], 0), row))
                queue.remove(best)
                seen[emotions[best]] = seen.get(emotions[best], 0) + 1
                chosen.append(best)
    return chosen
