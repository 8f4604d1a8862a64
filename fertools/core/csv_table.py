"""Read a CSV table with a header, in the variants that spreadsheets write.

The encoding is UTF-8, with or without a byte order mark. The delimiter is a comma, semicolon or tab: the one that
occurs most often in the header, or the one in a first line such as `sep=;`, which Excel writes. Columns without a name
are ignored. Each row keeps its line number for error messages.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fertools.core.cells import read_cell
from fertools.core.errors import InputError

DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class CsvTable:
    """The cells of a table.

    Attributes:
        path: path of the file.
        columns: cells of each column as `read_cell` returns them, by column name, stripped and in lower case.
        lines: first line of each row in the file, from 1; the header is usually line 1.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]


def read_csv(path: Path) -> CsvTable:
    """Return the cells of a CSV file without its empty lines.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or has no header, a column name occurs twice, or a row has
            another length than the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name}:{line}: the text is not UTF-8; save the table as CSV in UTF-8") from error
    header, rows, lines = _rows(path, text)
    if twice := [name for name, count in Counter(filter(None, header)).items() if count > 1]:
        raise InputError(f"{path.name}:1: the column '{twice[0]}' occurs twice; keep one")
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return CsvTable(path, {name: [*column] for name, column in zip(header, cells, strict=True) if name}, lines)


def _rows(path: Path, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    first = text.lstrip().split("\n", 1)[0]
    separator = re.fullmatch(r"sep=(.)\s*", first, re.IGNORECASE)
    delimiter = separator[1] if separator else max(DELIMITERS, key=first.count)
    # Not str.splitlines, because it also splits at characters that a cell may contain.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            begun, line = line, reader.line_num + 1
            if header is None:
                names = _without_tail([name.strip().lower() for name in cells], 0)
                if separator and names:
                    separator = None
                elif names:
                    header = names
                continue
            row = _without_tail([read_cell(cell) for cell in cells], len(header))
            if not any(row):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{path.name}:{begun}: the row has {len(row)} cells but the header {len(header)}; correct the row"
                )
            rows.append(row)
            lines.append(begun)
    except csv.Error as error:
        raise InputError(f"{path.name}:{reader.line_num}: the line is not CSV ({error}); correct it") from error
    if header is None:
        raise InputError(f"{path} is empty; give a table whose first line names its columns")
    return header, rows, lines


def _without_tail(cells: list[str], least: int) -> list[str]:
    """Return cells without empty ones at the end, but at least `least` cells; spreadsheets add empty cells."""
    count = len(cells)
    while count > least and not cells[count - 1]:
        count -= 1
    return cells[:count]
