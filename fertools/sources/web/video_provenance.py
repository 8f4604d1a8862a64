"""The table of provenance: one row for each video that was looked at, downloaded or not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fertools.core import files
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError

NAME = "provenance.csv"
"""File of the table in the folder of the videos."""


@dataclass(frozen=True)
class Provenance:
    """One row.

    Attributes:
        url: address of the video.
        status: `downloaded`; `skipped`, if a limit or the licence leaves it out; or why it could not be downloaded:
            `removed`, `private`, `geo-blocked`, `unreachable` or `failed`.
        path: path of the file relative to the folder of the table; empty without one.
        label: expression that the word means; empty for an address from a list.
        word: word that it was searched with.
        title_hash: digest of the title, which may name people.
        uploader_id: identifier of the account that published it.
        licence: licence as the site states it; empty if it states none.
        duration_s: length in seconds; empty if it is not stated.
        date: date and time of the attempt, UTC.
        reason: why it was not downloaded, in one line.
    """

    url: str
    status: str
    path: str = ""
    label: str = ""
    word: str = ""
    title_hash: str = ""
    uploader_id: str = ""
    licence: str = ""
    duration_s: str = ""
    date: str = ""
    reason: str = ""


_COLUMNS = tuple(field.name for field in fields(Provenance))


def read_provenance(path: Path) -> dict[str, Provenance]:
    """Return the rows by address; none if there is no table yet.

    Raises:
        InputError: the file cannot be read, or has other columns.
    """
    if not path.is_file():
        return {}
    table = read_csv(path)
    if set(table.columns) != set(_COLUMNS):
        raise InputError(f"{path} is not a table of provenance; move it elsewhere, or give another folder")
    rows = zip(*(table.columns[name] for name in _COLUMNS), strict=True)
    found = [Provenance(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    return {row.url: row for row in found}


def write_provenance(path: Path, rows: Iterable[Provenance]) -> None:
    """Write the table atomically.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: " ".join(value.split()) for name, value in asdict(row).items()} for row in rows)
    files.write_text(path, stream.getvalue())
