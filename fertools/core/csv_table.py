"""Reading a table that a person made: CSV with a header, in the forms that spreadsheets write.

UTF-8 with or without a byte order mark; cells parted by commas, semicolons or tabs, whichever the header has most of,
or by what a first line `sep=;` of Excel says. Columns without a name are left out, since nothing says what they hold.
Every cell keeps the number of the line it began in, so that a complaint can point at it.
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
    """The cells of a file.

    Attributes:
        path: the file.
        columns: the header's names, stripped and in lower case, to the column's cells as `read_cell` reads them.
        lines: the line of the file that each row begins in, from 1; the header is usually line 1.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]


def read_csv(path: Path) -> CsvTable:
    """Return the cells of the CSV file at `path`; lines without any text are left out.

    Raises:
        InputError: the file cannot be read, is not UTF-8, has no header or one name twice, or a row has more or fewer
            cells than the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name}:{line}: this is not UTF-8; save the table as CSV in UTF-8") from error
    header, rows, lines = _rows(path, text)
    if twice := [name for name, count in Counter(filter(None, header)).items() if count > 1]:
        raise InputError(f"{path.name}:1: the column '{twice[0]}' is there twice; keep one")
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return CsvTable(path, {name: [*column] for name, column in zip(header, cells, strict=True) if name}, lines)


def _rows(path: Path, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    first = text.lstrip().split("\n", 1)[0]
    told = re.fullmatch(r"sep=(.)\s*", first, re.IGNORECASE)
    delimiter = told[1] if told else max(DELIMITERS, key=first.count)
    # Not str.splitlines, which also ends lines at characters that a cell may hold.
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
                if told and names:
                    told = None
                elif names:
                    header = names
                continue
            row = _without_tail([read_cell(cell) for cell in cells], len(header))
            if not any(row):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{path.name}:{begun}: {len(row)} cells where the header has {len(header)}; correct the row"
                )
            rows.append(row)
            lines.append(begun)
    except csv.Error as error:
        raise InputError(f"{path.name}:{reader.line_num}: this is not CSV ({error}); correct the line") from error
    if header is None:
        raise InputError(f"{path} is empty; give a table whose first line names its columns")
    return header, rows, lines


def _without_tail(cells: list[str], least: int) -> list[str]:
    """Return cells without empty ones at the end, which spreadsheets add, down to a number of them."""
    count = len(cells)
    while count > least and not cells[count - 1]:
        count -= 1
    return cells[:count]
