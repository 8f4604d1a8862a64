"""Suggestions (pre-annotations) of the rating page, and the usual points of expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fertools.annotations.catalogue import Catalogue
from fertools.annotations.circumplex import Point
from fertools.annotations.events import is_value
from fertools.core.errors import InputError
from fertools.core.parquet_table import read_table

PRIOR = "prior"
USUAL_RADIUS = 0.8
"""Distance from the expression's usual point above which the page warns: two fifths of the side of the plane."""

TEXTS = ("face_id", "emotion")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Suggestions:
    """A suggested point for each face.

    Attributes:
        points: N x 2 valence and arousal by row of the catalogue; NaN without a suggestion.
        origin: `prior`, or the name of the file with predictions.
    """

    points: Floats
    origin: str


def prior_points(catalogue: Catalogue, points: Mapping[str, Point]) -> Floats:
    """Return the usual point of each face's expression, N x 2; NaN without one."""
    labels = list(points)
    index = catalogue.column("emotion").combine_chunks().dictionary_encode()
    table = np.full((len(index.dictionary) + 1, 2), np.nan)
    for number, label in enumerate(index.dictionary.to_pylist()):
        if label in labels:
            table[number] = points[label].valence, points[label].arousal
    numbers = index.indices.fill_null(len(index.dictionary)).to_numpy(zero_copy_only=False)
    chosen: Floats = table[numbers]
    return chosen


def read_suggestions(path: Path, catalogue: Catalogue) -> Suggestions:
    """Return the predictions of a model from a table (CSV or Parquet) with `face_id`, `valence` and `arousal`.

    Rows of rejected or unknown faces are errors, because the file probably belongs to another dataset.

    Raises:
        InputError: the file cannot be read, lacks a column, or a row is wrong. The message has its line.
    """
    rows = read_points(path)
    points = np.full((len(catalogue), 2), np.nan)
    for place, face_id, *values in rows:
        if face_id not in catalogue.row_of:
            raise InputError(f"{place}: there is no face '{face_id}' to rate; give predictions for this workspace")
        if not all(is_value(value) for value in values):
            raise InputError(f"{place}: valence and arousal {values[0]}, {values[1]} are not both in [-1, 1]")
        points[catalogue.row_of[str(face_id)]] = values
    return Suggestions(points, path.name)


def read_points(path: Path, names: Sequence[str] = ("face_id", "valence", "arousal")) -> list[tuple[Any, ...]]:
    """Return the rows of a table (CSV or Parquet), each with its place in the file and its parsed cells.

    Args:
        path: path of the table.
        names: names of the columns to read, `face_id` first.

    Raises:
        InputError: the file cannot be read or lacks a column.
    """
    table = read_table(path)
    if missing := [name for name in names if name not in table.columns]:
        raise InputError(f"{path.name}:1: there is no column {missing[0]}; give {', '.join(names)}")
    cells = [
        table.columns[name] if name in TEXTS else [_number(text) for text in table.columns[name]] for name in names
    ]
    return [(f"{path.name}:{line}", *row) for line, *row in zip(table.lines, *cells, strict=True)]


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
