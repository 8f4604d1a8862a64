"""RECOLA and SEWA: continuous values over time in CSV with semicolons.

RECOLA has a file per recording and axis, with a header `time;FM1;FM2;...` and a column per rater, in seconds. SEWA, as
in the AVEC challenges, has a file per recording without a header: name, time, arousal, valence and more.

Source: F. Ringeval, A. Sonderegger, J. Sauer and D. Lalanne, "Introducing the RECOLA multimodal corpus", EmoSPACE 2013;
J. Kossaifi et al., "SEWA DB", IEEE TPAMI 43 (2021); F. Ringeval et al., "AVEC 2017", and the files of these.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, by_source
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, Rows, as_text, axis_of, number, read_text
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError

GOLD = ("gold_standard", "gold", "value")
"""Names of a column with the gold standard of all raters."""


def read_recola(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of one recording by time: a value per rater, or the gold standard.

    Raises:
        InputError: the axis is unknown, or a line is invalid.
    """
    first = read_text(path).lstrip().split("\n", 1)[0]
    if first.count(";") >= 3 and not first.lower().startswith("time"):
        return _read_sewa(path, options)
    table = read_csv(path)
    if "time" not in table.columns or len(table.columns) < 2:
        raise InputError(f"{path.name}:1: the header is not time;RATER;RATER...; give another format")
    return rater_columns(path, options, table.columns, table.lines, "time", 1.0)


def rater_columns(
    path: Path,
    options: ReadOptions,
    columns: dict[str, list[str]],
    lines: list[int],
    time: str,
    second: float,
) -> LabelTable:
    """Return a row per time and rater, for a table with a column per rater; the gold standard has no rater.

    A column with the name of an axis contains that axis, whatever the name of the file says.

    Args:
        path: path of the file.
        options: the source and the axis, if given.
        columns: cells of the table by column name.
        lines: line number of each row.
        time: name of the time column.
        second: length of a second in units of the time column.
    """
    rows = Rows(path)
    source = options.medium(path)
    for name, cells in columns.items():
        if name == time:
            continue
        axis = name if name in AXES else axis_of(path, options.axis)
        for line, moment, cell in zip(lines, columns[time], cells, strict=True):
            who = {} if name in (*GOLD, *AXES) else {"rater": name}
            at_s = number(moment, path, line, time) / second
            value = number(cell, path, line, axis) if cell else None
            rows.add(line, source=source, pts_s=at_s, **who, **{axis: None if value is None else cell})
    return rows.table()


def _read_sewa(path: Path, options: ReadOptions) -> LabelTable:
    rows = Rows(path)
    source_of: dict[str, str] = {}
    for line, text in enumerate(read_text(path).splitlines(), 1):
        cells = [cell.strip() for cell in text.split(";")]
        if not text.strip():
            continue
        if len(cells) < 4:
            raise InputError(f"{path.name}:{line}: {len(cells)} cells, not name;time;arousal;valence; correct the line")
        arousal, valence = (number(cells[place], path, line, AXES[3 - place]) for place in (2, 3))
        name = cells[0].strip("'\"")
        if name not in source_of:
            source_of[name] = options.named(name) or options.medium(path)
            if len(source_of) > 1 and (options.source or len(set(source_of.values())) < len(source_of)):
                raise InputError(
                    f"{path.name}:{line}: it is about '{name}' as well as '{next(iter(source_of))}', which are not two "
                    "videos of this workspace; give a file per video"
                )
        rows.add(
            line,
            source=options.source or source_of[name],
            pts_s=number(cells[1], path, line, "time"),
            valence=valence,
            arousal=arousal,
        )
    return rows.table()


def write_recola(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return `valence/VIDEO.csv` and `arousal/VIDEO.csv`, with the values of the manifest as gold standard.

    Raises:
        InputError: two faces of a frame differ.
    """
    written: Files = {}
    for name, frames in by_source(faces, AXES, "RECOLA"):
        for axis in AXES:
            lines = [
                f"{as_text(t)};{as_text(v)}"
                for t, v in zip(frames["pts_s"].to_numpy(), frames[axis].to_numpy(), strict=True)
            ]
            written[f"{axis}/{name}.csv"] = "\n".join([f"time;{GOLD[0]}", *lines]) + "\n"
    return written


def write_sewa(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return `VIDEO.csv` for each video: name, time, arousal, valence.

    Raises:
        InputError: two faces of a frame differ.
    """
    written: Files = {}
    for name, frames in by_source(faces, AXES, "SEWA"):
        columns = (frames[one].to_numpy() for one in ("pts_s", "arousal", "valence"))
        lines = [f"'{name}';{';'.join(map(as_text, row))}" for row in zip(*columns, strict=True)]
        written[f"{name}.csv"] = "\n".join([*lines, ""])
    return written
