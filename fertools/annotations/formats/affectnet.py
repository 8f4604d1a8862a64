"""AffectNet: one CSV file for many pictures; expressions are numbers, and -2 is a missing valence or arousal.

The order of the classes differs between releases and copies, so the user must give it. Numbers after the classes (none,
uncertain, no face) are no expression.

Source: A. Mollahosseini, B. Hasani and M. H. Mahoor, "AffectNet", IEEE Transactions on Affective Computing 10 (2019),
and the lists of its release.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, records
from fertools.annotations.formats.table import (
    AXES,
    Box,
    LabelTable,
    ReadOptions,
    Rows,
    as_text,
    face_of,
    number,
    read_box,
)
from fertools.core.arguments import argument
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError

MISSING = -2
NO_EXPRESSION = 3
"""Number of codes after the classes that are no expression: none, uncertain, no face."""
_PATH = "subdirectory_filepath"
_BOX = ("face_x", "face_y", "face_width", "face_height")


def read_affectnet(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows by picture.

    Raises:
        InputError: the order of the classes is missing, a column is missing, or a cell is invalid.
    """
    classes = _checked(options.classes)
    table = read_csv(path)
    if missing := [name for name in (_PATH, "expression", *AXES) if name not in table.columns]:
        raise InputError(f"{path.name}:1: there is no column {missing[0]}; give another format")
    rows = Rows(path)
    cells = zip(table.lines, *(table.columns[name] for name in (_PATH, "expression", *AXES)), strict=True)
    for line, picture, expression, *values in cells:
        code = number(expression, path, line, "expression")
        if not code.is_integer() or not 0 <= code < len(classes) + NO_EXPRESSION:
            raise InputError(
                f"{path.name}:{line}: expression {expression} is beyond the {len(classes)} classes given and the "
                f"{NO_EXPRESSION} numbers for none; name all classes with {argument('classes')}"
            )
        point = [number(value, path, line, axis) for axis, value in zip(AXES, values, strict=True)]
        face_id = face_of(picture)
        box = [table.columns[name][len(rows)] for name in _BOX] if set(_BOX) <= set(table.columns) else [""]
        rows.add(
            line,
            _box(path, line, box) if all(box) and not face_id else None,
            **({"face_id": face_id} if face_id else {"source": picture}),
            emotion=classes[int(code)] if code < len(classes) else None,
            **{axis: None if MISSING in point else value for axis, value in zip(AXES, values, strict=True)},
        )
    return rows.table()


def _box(path: Path, line: int, cells: list[str]) -> Box:
    x, y, width, height = (number(cell, path, line, name) for cell, name in zip(cells, _BOX, strict=True))
    return read_box(f"{path.name}:{line}", x, y, x + width, y + height)


def write_affectnet(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return one row per crop, with the whole crop as box.

    Raises:
        InputError: the order of the classes is missing, or an expression is not among them.
    """
    order = _checked(classes)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ["subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks"]
    writer.writerow([*head, "expression", *AXES])
    for row in records(faces):
        code = len(order)
        if row["emotion"] is not None:
            if row["emotion"] not in order:
                raise InputError(
                    f"'{row['emotion']}' is not among {argument('classes')} {','.join(order)}; name it there"
                )
            code = order.index(row["emotion"])
        point = [MISSING if row[axis] is None else as_text(row[axis]) for axis in AXES]
        writer.writerow([row["crop"], 0, 0, row["size_px"], row["size_px"], "", code, *point])
    return {"": stream.getvalue()}


def _checked(classes: tuple[str, ...] | None) -> tuple[str, ...]:
    if classes is None:
        raise InputError(
            "AffectNet's numbers mean other expressions in other releases; give their order, of the first release "
            f"{argument('classes')} neutral,happiness,sadness,surprise,fear,disgust,anger,contempt"
        )
    return classes
