"""What is shown beside the question, or after the answer: pre-marks, usual points, and references for calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fertools.annotations.catalogue import Catalogue
from fertools.annotations.circumplex import Point
from fertools.annotations.events import is_value
from fertools.annotations.queue import Plan, draw
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError
from fertools.core.parquet import read_parquet

PRIOR = "prior"
USUAL_RADIUS = 0.8
"""How far from its expression's point a rating may lie before the page asks whether it is meant: two fifths of the
plane's side."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Premarks:
    """A point per face that the page may draw as a ghost.

    Attributes:
        points: (n, 2) valence and arousal by row of the catalogue; NaN where there is none.
        origin: `prior`, or the name of the file of predictions.
    """

    points: Floats
    origin: str


def prior_points(catalogue: Catalogue, points: Mapping[str, Point]) -> Floats:
    """Return (n, 2) the point of each face's expression; NaN where it has none."""
    labels = list(points)
    index = catalogue.column("emotion").combine_chunks().dictionary_encode()
    table = np.full((len(index.dictionary) + 1, 2), np.nan)
    for number, label in enumerate(index.dictionary.to_pylist()):
        if label in labels:
            table[number] = points[label].valence, points[label].arousal
    numbers = index.indices.fill_null(len(index.dictionary)).to_numpy(zero_copy_only=False)
    chosen: Floats = table[numbers]
    return chosen


def read_premarks(path: Path, catalogue: Catalogue) -> Premarks:
    """Return a model's predictions: a table (CSV or Parquet) with `face_id`, `valence` and `arousal`.

    Rows of faces that were not kept, or that are not in the manifest, are refused, since they are a sign of another
    dataset's file.

    Raises:
        InputError: the file cannot be read, lacks a column, or a row is wrong; the message says which.
    """
    rows = _read_predictions(path)
    points = np.full((len(catalogue), 2), np.nan)
    for place, face_id, *values in rows:
        if face_id not in catalogue.row_of:
            raise InputError(f"{place}: there is no face '{face_id}' to rate; give predictions for this workspace")
        if not all(is_value(value) for value in values):
            raise InputError(f"{place}: valence and arousal {values[0]}, {values[1]} are not both in [-1, 1]")
        points[catalogue.row_of[str(face_id)]] = values
    return Premarks(points, path.name)


def _read_predictions(path: Path) -> list[tuple[str, str, object, object]]:
    names = ("face_id", "valence", "arousal")
    if path.suffix.lower() != ".parquet":
        table = read_csv(path)
        if missing := [name for name in names if name not in table.columns]:
            raise InputError(f"{path.name}:1: there is no column {missing[0]}; pre-marks need {', '.join(names)}")
        cells = [table.columns[name] for name in names]
        return [
            (f"{path.name}:{line}", face_id, _number(valence), _number(arousal))
            for line, face_id, valence, arousal in zip(table.lines, *cells, strict=True)
        ]
    columns = read_parquet(path, names, remedy="write it again, or give the predictions as CSV").to_pydict()
    if missing := [name for name in names if name not in columns]:
        raise InputError(f"{path.name} has no column {missing[0]}; pre-marks need {', '.join(names)}")
    rows = zip(*(columns[name] for name in names), strict=True)
    return [(f"{path.name}, row {number}", *row) for number, row in enumerate(rows, 1)]


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def choose_calibration(catalogue: Catalogue, plan: Plan) -> list[int]:
    """Return the rows of the faces that every rater sees first, drawn by the seed.

    One face of each expression in turn, as far as there are labels, then faces without; each from another source
    as long as there are enough. At most a tenth of the faces.
    """
    count = min(plan.calibration, len(catalogue) // 10)
    drawn = draw(catalogue.keys, plan.seed, "calibration")
    emotions = catalogue.column("emotion").combine_chunks().dictionary_encode().indices.fill_null(-1)
    labels: npt.NDArray[np.int64] = emotions.to_numpy(zero_copy_only=False).astype(np.int64)
    sources = catalogue.column("source_id").combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    by_label: dict[int, list[int]] = {}
    for row in np.argsort(drawn, kind="stable").tolist():
        by_label.setdefault(int(labels[row]), []).append(row)
    kinds = sorted(by_label, key=lambda label: (label < 0, label))
    chosen: list[int] = []
    used: set[int] = set()
    while len(chosen) < count:
        for kind in kinds:
            if len(chosen) == count or not by_label[kind]:
                continue
            fresh = next((row for row in by_label[kind][:200] if int(sources[row]) not in used), by_label[kind][0])
            by_label[kind].remove(fresh)
            used.add(int(sources[fresh]))
            chosen.append(fresh)
    return chosen


def reference_of(catalogue: Catalogue, prior: Floats, row: int) -> tuple[float, float, str] | None:
    """Return the valence, arousal and origin that a calibration answer is compared with, or None.

    What people or an imported table say goes before the expression's point.
    """
    origin = catalogue.value("va_origin", row)
    if origin is not None and origin != PRIOR:
        return float(catalogue.value("valence", row)), float(catalogue.value("arousal", row)), str(origin)
    if np.isnan(prior[row]).any():
        return None
    return float(prior[row, 0]), float(prior[row, 1]), PRIOR
