"""Plain tables: CSV and Parquet with the names of columns that fertools itself has."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fertools.annotations.formats.rows import LABELS, records
from fertools.annotations.formats.table import LabelTable, ReadOptions, as_text
from fertools.core import files
from fertools.core.csv_table import read_csv
from fertools.core.parquet import read_parquet as read_table

ALIASES = {
    "source_id": "source",
    "path": "source",
    "file": "source",
    "filename": "source",
    "image": "source",
    "frame": "frame_index",
    "subject": "subject_id",
}
"""Names of columns that other tables use for the same."""
_WRITTEN = ("face_id", "source", "frame_index", "pts_s", *LABELS)


def read_plain_csv(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of a CSV file with a header.

    Raises:
        InputError: see `fertools.core.csv_table.read_csv`.
    """
    table = read_csv(path)
    return LabelTable(path.name, _known(table.columns), [f"{path.name}:{line}" for line in table.lines])


def read_parquet(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of a Parquet file; null is an empty cell.

    Raises:
        InputError: the file cannot be read, or a column that matters holds neither text nor numbers.
    """
    table = read_table(path, remedy="write it again, or give the table as CSV")
    columns = {}
    for name in table.column_names:
        kind = table.schema.field(name).type
        if pa.types.is_float32(kind):
            columns[name.strip().lower()] = [as_text(one) for one in table[name].to_numpy()]
        elif not pa.types.is_nested(kind):
            columns[name.strip().lower()] = [as_text(one) for one in table[name].to_pylist()]
    return LabelTable(path.name, _known(columns), [f"{path.name}:{row}" for row in range(1, len(table) + 1)])


def write_csv(faces: pd.DataFrame, out: Path, classes: tuple[str, ...] | None) -> list[Path]:
    """Write one row per face."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_WRITTEN)
    writer.writerows([as_text(row[name]) for name in _WRITTEN] for row in records(faces))
    files.write_text(out, stream.getvalue())
    return [out]


def write_parquet(faces: pd.DataFrame, out: Path, classes: tuple[str, ...] | None) -> list[Path]:
    """Write one row per face."""
    table = pa.Table.from_pandas(faces[list(_WRITTEN)], preserve_index=False).replace_schema_metadata(None)
    with files.replacing(out) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return [out]


def _known(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    names = {name: ALIASES.get(name, name) for name in columns}
    count = Counter(names.values())
    for name, known in names.items():
        if count[known] > 1 and name != known:
            names[name] = name
            count[known] -= 1
    return {names[name]: cells for name, cells in columns.items()}
