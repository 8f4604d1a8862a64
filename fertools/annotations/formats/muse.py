"""MuSe: continuous values over time in CSV, a file per recording and axis.

Raw files have `timestamp` in seconds and a column per annotator; processed ones `Time` or `timestamp` in milliseconds,
`value`, and in the challenge `segment_id`.

Source: L. Stappen et al., "MuSe-Toolbox: the multimodal sentiment analysis continuous annotation fusion and discrete
class transformation toolbox" (2021), and its files.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fertools.annotations.formats.recola import rater_columns, timed_faces
from fertools.annotations.formats.rows import by_source
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, as_text, axis_of
from fertools.core import files
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError

_TIMES = ("timestamp", "time")


def read_muse(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of one recording, by time: a value per annotator, or the fused value.

    Raises:
        InputError: nothing says which axis it is, or a line is not what it should be.
    """
    table = read_csv(path)
    time = next((name for name in _TIMES if name in table.columns), None)
    columns = {name: cells for name, cells in table.columns.items() if name != "segment_id"}
    if time is None or len(columns) < 2:
        raise InputError(f"{path.name}:1: the header is not timestamp and values; give another format")
    fused = "value" in columns
    if fused:
        columns = {name: columns[name] for name in (time, "value")}
    axis = axis_of(path, options.axis)
    return rater_columns(path, options.source, axis, columns, table.lines, time, 1000.0 if fused else 1.0)


def write_muse(faces: pd.DataFrame, out: Path, classes: tuple[str, ...] | None) -> list[Path]:
    """Write `valence/VIDEO.csv` and `arousal/VIDEO.csv` below `out`, with the manifest's value, in milliseconds.

    Raises:
        InputError: two faces of a frame differ.
    """
    written = []
    for name, frames in by_source(timed_faces(faces), AXES, "MuSe"):
        for axis in AXES:
            pairs = zip(frames["pts_s"].to_numpy() * 1000, frames[axis].to_numpy(), strict=True)
            lines = [f"{as_text(time.round(3))},{as_text(value)}" for time, value in pairs]
            written.append(out / axis / f"{name}.csv")
            files.write_text(written[-1], "\n".join(["timestamp,value", *lines]) + "\n")
    return written
