"""Plain tables: CSV and Parquet with the column names of fertools."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fertools.annotations.formats.labelled_faces import LABELS, Files, records
from fertools.annotations.formats.table import LabelTable, ReadOptions, as_text
from fertools.core import parquet_table
from fertools.core.csv_table import CsvTable, read_csv
from fertools.core.errors import InputError

ALIASES = {
    "source_id": "source",
    "path": "source",
    "file": "source",
    "filename": "source",
    "image": "source",
    "frame": "frame_index",
    "subject": "subject_id",
}
"""Column names of other tables with the same meaning."""
_WRITTEN = ("face_id", "source", "frame_index", "pts_s", *LABELS)


def read_plain_csv(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of a CSV file with a header.

    Raises:
        InputError: see `fertools.core.csv_table.read_csv`.
    """
    return _labels(read_csv(path))


def read_plain(path: Path) -> LabelTable:
    """Return the rows of a table: Parquet if its suffix says so, else CSV.

    Raises:
        InputError: see `fertools.core.parquet_table.read_table`.
    """
    return _labels(parquet_table.read_table(path))


def read_parquet(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of a Parquet file; null and NaN are empty cells.

    Raises:
        InputError: see `fertools.core.parquet_table.read_parquet`.
    """
    return _labels(parquet_table.read_parquet(path))


def write_csv(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return one row per face."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_WRITTEN)
    writer.writerows([as_text(row[name]) for name in _WRITTEN] for row in records(faces))
    return {"": stream.getvalue()}


def write_parquet(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return one row per face."""
    table = pa.Table.from_pandas(faces[list(_WRITTEN)], preserve_index=False).replace_schema_metadata(None)
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return {"": stream.getvalue()}


def _labels(table: CsvTable) -> LabelTable:
    name = table.path.name
    columns = {known: table.columns[own] for own, known in _known_names(table).items()}
    return LabelTable(name, columns, [f"{name}:{line}" for line in table.lines])


def _known_names(table: CsvTable) -> dict[str, str]:
    """Return the column name of fertools for each column.

    Raises:
        InputError: several columns identify the source or the frame, and none of them has the name of fertools.
    """
    names = {name: ALIASES.get(name, name) for name in table.columns}
    count = Counter(names.values())
    for name, known in names.items():
        if name != known and count[known] > 1:
            if known not in table.columns and "face_id" not in table.columns:
                several = [own for own, other in names.items() if other == known]
                raise InputError(f"{table.path.name}:1: the columns {' and '.join(several)} are all {known}; keep one")
            names[name] = name
    return names
