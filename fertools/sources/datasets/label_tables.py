"""Read the label tables of datasets: CSV, words with blanks between, JSON, NumPy arrays and XML."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from fertools.core.csv_table import DELIMITERS
from fertools.core.errors import InputError, first_line
from fertools.sources.datasets.descriptor import ANYWHERE, Layout, Table
from fertools.sources.datasets.filling import fill
from fertools.sources.datasets.tree import Tree

Row = dict[str, str]


def read_tables(tree: Tree, layout: Layout) -> list[dict[str, list[Row]]]:
    """Return for each kind of table of a layout the rows of all its files, by key.

    Args:
        tree: files of the dataset.
        layout: the layout; tables of pictures are read by `read_rows`.

    Raises:
        InputError: a table is missing or cannot be read.
    """
    found = []
    for table in layout.tables:
        rows: dict[str, list[Row]] = {}
        if not table.pixels:
            for row in read_rows(tree, table):
                if (key := fill(table.key, row)) is not None:
                    rows.setdefault(key, []).append(row)
        found.append(rows)
    return found


def read_rows(tree: Tree, table: Table) -> Iterator[Row]:
    """Yield the rows of all files of a kind of table, with the groups of the file's path and the number of the row.

    Args:
        tree: files of the dataset.
        table: the kind of table.

    Raises:
        InputError: no file is such a table, or one cannot be read; the message names the line.
    """
    found = {name: match for name in tree.names if (match := table.file.fullmatch(name))}
    for name, content in tree.read(tuple(found)):
        match = found[name]
        shared = {key: value for key, value in match.groupdict().items() if value is not None}
        shared["stem"] = PurePosixPath(name).stem
        for row in _READERS[table.form](name, content, table):
            row = {**shared, **row}
            if all(row.get(key) == value for key, value in table.where.items()):
                yield row
    if not found and not table.optional:
        raise InputError(f"{tree.title} has no label table {_shown(table)}; put it there")


def _shown(table: Table) -> str:
    return table.file.pattern.removeprefix(f"{ANYWHERE}(?:").removesuffix(")")


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Old tables of names are in the encoding of their makers' machines; every byte is a character there.
        return content.decode("latin-1")


def _csv(name: str, content: bytes, table: Table) -> Iterator[Row]:
    lines = _text(name, content).splitlines(keepends=True)[table.skip :]
    delimiter = table.delimiter or max(DELIMITERS, key=lines[0].count) if lines else ","
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=delimiter, skipinitialspace=True)
    columns = list(table.columns)
    number = 0
    try:
        for cells in reader:
            if table.header and not number and not columns:
                columns = [cell.strip().lower() for cell in cells]
                continue
            if table.header and reader.line_num == 1:
                continue
            if not any(cell.strip() for cell in cells):
                number += 1
                continue
            yield _row(name, reader.line_num + table.skip, cells, columns, number)
            number += 1
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: the line is not CSV ({error}); correct it") from error


def _words(name: str, content: bytes, table: Table) -> Iterator[Row]:
    lines = _text(name, content).splitlines()
    columns = list(table.columns)
    first = table.skip
    if table.header and not columns:
        columns = ["name", *lines[first].lower().split()] if len(lines) > first else []
    first += table.header
    for number, line in enumerate(lines[first:]):
        if line.strip():
            yield _row(name, first + number + 1, line.split(), columns, number)


def _row(name: str, line: int, cells: list[str], columns: list[str], number: int) -> Row:
    if len(cells) < len(columns):
        raise InputError(f"{name}:{line}: the row has {len(cells)} cells, not {len(columns)}; correct it")
    named = {column: cell.strip() for column, cell in zip(columns, cells, strict=False)}
    return {"row": str(number), "line": str(number + 1), **named}


def _json(name: str, content: bytes, table: Table) -> Iterator[Row]:
    try:
        data = json.loads(content)
    except ValueError as error:
        raise InputError(f"{name} is not JSON ({first_line(error)}); correct it") from error
    objects = _inside(data, table.rows) if table.rows else {"0": data}
    if not isinstance(objects, dict):
        raise InputError(f"{name} has no object {table.rows or 'at its top'}; give the file as its makers wrote it")
    shared = _scalars(data) if table.rows else {}
    for key, one in objects.items():
        row = {**shared, **_scalars(one), "row": key}
        if isinstance(table.columns, Mapping):
            picked = {column: _inside(one, place) for column, place in table.columns.items()}
            row |= {column: str(value) for column, value in picked.items() if value is not None}
        yield row


def _inside(data: Any, place: str) -> Any:
    for part in place.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _scalars(data: Any) -> Row:
    items = data.items() if isinstance(data, dict) else ()
    return {key.lower(): str(value) for key, value in items if isinstance(value, str | int | float)}


def _npy(name: str, content: bytes, table: Table) -> Iterator[Row]:
    import numpy as np

    try:
        values = np.load(io.BytesIO(content), allow_pickle=False).reshape(-1).tolist()
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{name} is not a NumPy array ({first_line(error)}); restore it") from error
    yield {column: str(value) for column, value in zip(table.columns, values, strict=False)}


def _xml(name: str, content: bytes, table: Table) -> Iterator[Row]:
    # An entity can expand to any size, and no dataset needs one.
    if b"<!ENTITY" in content:
        raise InputError(f"{name} defines entities of its own, which no label file does; remove them")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise InputError(f"{name} is not XML ({error}); correct it") from error
    row = {}
    for column, place in table.columns.items() if isinstance(table.columns, Mapping) else ():
        where, _, attribute = place.rpartition("@")
        element = root if not where else root.find(where)
        if element is not None and (value := element.get(attribute)) is not None:
            row[column] = value
    yield row


_READERS = {"csv": _csv, "words": _words, "json": _json, "npy": _npy, "xml": _xml}
