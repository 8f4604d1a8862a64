"""MuSe: continuous values over time in CSV, a file per recording and axis.

Raw files have `timestamp` in seconds and a column per annotator. Processed files have `Time` or `timestamp` in
milliseconds, `value`, and in the challenge `segment_id`.

Source: L. Stappen et al., "MuSe-Toolbox: the multimodal sentiment analysis continuous annotation fusion and discrete
class transformation toolbox" (2021), and its files.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, by_source
from fertools.annotations.formats.recola import rater_columns
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, as_text
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError

_TIMES = ("timestamp", "time")


def read_muse(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of one recording by time: a value per annotator, or the fused value.

    Raises:
        InputError: the axis is unknown, or a line is invalid.
    """
    table = read_csv(path)
    time = next((name for name in _TIMES if name in table.columns), None)
    columns = {name: cells for name, cells in table.columns.items() if name != "segment_id"}
    if time is None or len(columns) < 2:
        raise InputError(f"{path.name}:1: the header is not timestamp and values; give another format")
    fused = "value" in columns
    if fused:
        columns = {name: columns[name] for name in (time, "value")}
    _check_segments(path, table.columns.get("segment_id", []), table.columns[time], table.lines)
    return rater_columns(path, options, columns, table.lines, time, 1000.0 if fused else 1.0)


def _check_segments(path: Path, segments: list[str], times: list[str], lines: list[int]) -> None:
    """Raise InputError if times begin again in another segment, because they are not times of the recording."""
    segment_of: dict[str, str] = {}
    for segment, time, line in zip(segments, times, lines, strict=bool(segments)):
        if segment_of.setdefault(time, segment) != segment:
            raise InputError(
                f"{path.name}:{line}: the time {time} is in the segments {segment_of[time]} and {segment}; give times "
                "from the beginning of the recording"
            )


def write_muse(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return `valence/VIDEO.csv` and `arousal/VIDEO.csv` with the values of the manifest, in milliseconds.

    Raises:
        InputError: two faces of a frame differ.
    """
    written: Files = {}
    for name, frames in by_source(faces, AXES, "MuSe"):
        for axis in AXES:
            pairs = zip(frames["pts_s"].to_numpy() * 1000, frames[axis].to_numpy(), strict=True)
            lines = [f"{as_text(time.round(3))},{as_text(value)}" for time, value in pairs]
            written[f"{axis}/{name}.csv"] = "\n".join(["timestamp,value", *lines]) + "\n"
    return written
