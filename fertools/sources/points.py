"""Read landmarks that came with the pictures: a table of five points per picture or frame.

A detector for visible light finds no faces in thermal images or drawings. Points from a person or another tool align
such crops. The columns are those of `truth.csv` of a drawn dataset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError

POINT_COLUMNS = tuple(
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth") for axis in "xy"
)
"""Names of the ten columns, in pixels from the centre of the first pixel; left is the smaller x."""


@dataclass(frozen=True)
class PointTable:
    """Five points per frame for some files.

    Attributes:
        points: (5, 2) float32 x, y in pixels, by resolved path and frame number. The frame number None stands for
            every frame without points of its own.
    """

    points: dict[Path, dict[int | None, NDArray[np.float32]]] = field(default_factory=dict)

    def of(self, path: Path, frame_index: int) -> NDArray[np.float32] | None:
        """Return the points of a frame of the file at `path`, or None if there are none."""
        frames = self.points.get(path.resolve(), {})
        return frames.get(frame_index, frames.get(None))


def read_points(path: Path) -> PointTable:
    """Return the points of a CSV file.

    Args:
        path: table with the columns `path` (absolute, or relative to the folder of the table) and `POINT_COLUMNS`. A
            column `frame_index`, from 0, gives single frames of videos their points. Other columns are ignored.

    Raises:
        InputError: the file cannot be read, lacks a column, or has an invalid number; the message names the line.
    """
    table = read_csv(path)
    for name in ("path", *POINT_COLUMNS):
        if name not in table.columns:
            raise InputError(
                f"{path.name} has no column '{name}'; landmarks need path, {POINT_COLUMNS[0]} to {POINT_COLUMNS[-1]}"
            )
    frames = table.columns.get("frame_index", [""] * len(table.lines))
    found: dict[Path, dict[int | None, NDArray[np.float32]]] = {}
    for row, line in enumerate(table.lines):
        try:
            numbers = np.array([float(table.columns[name][row]) for name in POINT_COLUMNS], np.float32)
            frame = int(frames[row]) if frames[row] else None
        except ValueError as error:
            raise InputError(f"{path.name}:{line}: a coordinate or frame is not a number; correct the row") from error
        if not np.isfinite(numbers).all():
            raise InputError(f"{path.name}:{line}: a coordinate is not finite; correct or remove the row")
        file = (path.absolute().parent / table.columns["path"][row]).resolve()
        of_file = found.setdefault(file, {})
        if frame in of_file:
            raise InputError(f"{path.name}:{line}: this picture or frame has points already; keep one row")
        of_file[frame] = numbers.reshape(5, 2)
    return PointTable(found)
