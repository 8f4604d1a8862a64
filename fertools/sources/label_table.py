"""A table of labels for sources: CSV or Parquet, one row per picture, per face with a box, or per rating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fertools.core.arguments import argument
from fertools.core.cells import composed
from fertools.core.errors import InputError
from fertools.core.parquet_table import read_table
from fertools.core.vocabulary import Lexicon
from fertools.sources.discovery import Discovery, SourceFile
from fertools.sources.label_columns import LabelColumns, RowReader, SourceLabels, combine, unknown_remarks

UNLISTED = "not in the table"


@dataclass(frozen=True)
class LabelTable:
    """The rows of a table by the path that they name.

    Attributes:
        name: name of the file.
        labels: labels by path with `/` as separator; several if they have boxes.
        unknown: number of cells by words that the lexicon does not have.
    """

    name: str
    labels: dict[str, tuple[SourceLabels, ...]]
    unknown: dict[str, int]


def read_label_table(path: Path, lexicon: Lexicon, columns: LabelColumns | None = None) -> LabelTable:
    """Return the labels in a table.

    Rows about one picture have different boxes, or are ratings of one face. Ratings become votes; a tie has no winner.

    Args:
        path: a CSV file with a header, or a Parquet file.
        lexicon: words for emotions.
        columns: which column means what; None for columns with usual names.

    Raises:
        InputError: the file cannot be read, has no column of paths, or a cell is wrong; the message names the line.
    """
    table, columns = read_table(path), columns or LabelColumns()
    found = columns.find(tuple(table.columns), path.name)
    if "path" not in found:
        raise InputError(
            f"{path.name} has no column of paths; its columns are {', '.join(table.columns)}; say which one it is by "
            f"{argument('columns')} path=COLUMN"
        )
    reader = RowReader(columns, lexicon, f"import:{path.name}")
    rows: dict[str, dict[object, list[SourceLabels]]] = {}
    names = table.columns[found["path"][0]]
    for number, line in enumerate(table.lines):
        if not names[number]:
            raise InputError(f"{path.name}:{line}: the path is empty; correct or remove the row")
        cells = {name: column[number] for name, column in table.columns.items()}
        labels = reader.read(cells, found, f"{path.name}:{line}")
        rows.setdefault(_normal(names[number]), {}).setdefault(labels.box, []).append(labels)
    combined = {name: tuple(combine(same) for same in of_box.values()) for name, of_box in rows.items()}
    return LabelTable(path.name, combined, dict(reader.unknown))


def _normal(path: str) -> str:
    parts = composed(path).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def label_files(discovery: Discovery, table: LabelTable) -> Discovery:
    """Return the files that a table names, with their labels; the others are passed over.

    A row names a file by its path below the given folder or archive, or by the end of its path. Paths of a table are
    only compared with paths of files that were found, so no table leads to other files.

    Args:
        discovery: the files that were found.
        table: the labels.

    Raises:
        InputError: no row names a file, a row names several, or a box is in a video.
    """
    lengths = sorted({name.count("/") + 1 for name in table.labels}, reverse=True)
    owner: dict[str, SourceFile] = {}
    several: dict[str, SourceFile] = {}
    found: list[SourceFile] = []
    for file in discovery.files:
        if (name := _row_of(file, table, lengths)) is None:
            continue
        if name in owner and _normal(owner[name].below.as_posix()) != name:
            several[name] = file
        owner[name] = file
        labels = table.labels[name]
        if file.kind == "video" and any(one.box for one in labels):
            raise InputError(
                f"{table.name} gives a box in the video {file.path}; boxes are for pictures, so label its faces after "
                "the ingest, by time or frame"
            )
        found.append(replace(file, labels=labels))
    if several:
        name, file = next(iter(several.items()))
        raise InputError(f"'{name}' in {table.name} matches several files, such as {file.path}; write more of the path")
    if not found:
        first = next(iter(table.labels), "no row")
        raise InputError(
            f"{table.name} names none of the {len(discovery.files):,} given files; its first path is '{first}'; give "
            f"the folder or archive that the paths begin in, or the column of paths by {argument('columns')}"
        )
    passed_over = dict(discovery.passed_over)
    if left := len(discovery.files) - len(found):
        passed_over[UNLISTED] = left
    remarks = [*discovery.remarks, *_missing(table, owner), *unknown_remarks(table.name, table.unknown)]
    return replace(discovery, files=tuple(found), passed_over=passed_over, remarks=tuple(remarks))


def _row_of(file: SourceFile, table: LabelTable, lengths: Sequence[int]) -> str | None:
    below = _normal(file.below.as_posix())
    if below in table.labels:
        return below
    parts = composed(PurePosixPath(file.path).as_posix()).strip("/").split("/")
    ends = ("/".join(parts[-length:]) for length in lengths if length <= len(parts))
    return next((end for end in ends if end in table.labels), None)


def _missing(table: LabelTable, owner: dict[str, SourceFile]) -> list[str]:
    missing = [name for name in table.labels if name not in owner]
    if not missing:
        return []
    return [f"missing: {len(missing):,} of {len(table.labels):,} files in {table.name}, the first {missing[0]}"]
