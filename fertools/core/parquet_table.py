"""Read a Parquet table of another program as the same text cells that a CSV file would have."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from fertools.core import parquet
from fertools.core.cells import read_cell
from fertools.core.csv_table import CsvTable, read_csv
from fertools.core.errors import InputError


def read_table(path: Path) -> CsvTable:
    """Return the cells of a table: Parquet if the name of the file ends in `.parquet`, else CSV.

    Raises:
        InputError: see `read_parquet` and `fertools.core.csv_table.read_csv`.
    """
    return read_parquet(path) if path.suffix.lower() == ".parquet" else read_csv(path)


def read_parquet(path: Path) -> CsvTable:
    """Return the cells of a Parquet file; row numbers from 1 serve as line numbers.

    Null and NaN are empty cells. Columns of lists and structures are ignored.

    Raises:
        InputError: the file cannot be read, or a column name occurs twice.
    """
    table = parquet.read_parquet(path, remedy="write it again, or give the table as CSV")
    columns: dict[str, list[str]] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        name = field.name.strip().lower()
        if pa.types.is_nested(field.type):
            continue
        if name in columns:
            raise InputError(f"{path.name}: the column '{name}' occurs twice; keep one")
        # to_pylist converts float32 to float64, which adds digits that are not in the file.
        values = column.to_numpy() if pa.types.is_float32(field.type) else column.to_pylist()
        columns[name] = [read_cell(value) for value in values]
    return CsvTable(path, columns, list(range(1, len(table) + 1)))
