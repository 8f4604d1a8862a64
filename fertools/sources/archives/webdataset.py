"""Labels of WebDataset tars: members with the same key, such as `000.jpg`, `000.cls` and `000.json`, are one sample."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final

from fertools.core.errors import InputError
from fertools.sources.archives.members import Archive, Member
from fertools.sources.label_columns import RowReader, SourceLabels

_READ: Final = ("json", "cls", "txt")
_MOST_BYTES: Final = 2**20


def sample_labels(
    archive: Archive, members: Iterable[Member], reader: RowReader
) -> dict[str, tuple[SourceLabels, ...]]:
    """Return the labels of the members of a tar whose key also has a `.json`, `.cls` or `.txt`.

    The key is the path up to the first dot of the file's name. A `.json` holds an object with the columns of a table.
    A `.cls` or `.txt` holds a word of the lexicon; a `.cls` may hold the number of a class. A text that is no label,
    such as a caption, is ignored.

    Args:
        archive: the opened archive.
        members: its members.
        reader: reads the rows.

    Raises:
        InputError: a value is out of range, or a number of a class has no name.
    """
    samples: dict[str, dict[str, Member]] = {}
    for member in members:
        place = PurePosixPath(member.name)
        start, _, extension = place.name.partition(".")
        samples.setdefault(str(place.parent / start), {})[extension.lower()] = member
    labels: dict[str, tuple[SourceLabels, ...]] = {}
    for sample in samples.values():
        read: dict[str, Member] = {extension: sample[extension] for extension in _READ if extension in sample}
        if len(read) == len(sample):
            continue
        if not (cells := _cells(archive, read, reader)):
            continue
        found = reader.columns.find(tuple(cells), archive.path.name)
        found.pop("path", None)
        if found:
            key = next(iter(sample.values())).name.partition(".")[0]
            row = reader.read(cells, found, f"{archive.path.name}: {key}")
            labels.update({member.name: (row,) for extension, member in sample.items() if extension not in read})
    return labels


def _cells(archive: Archive, read: dict[str, Member], reader: RowReader) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for extension, member in sorted(read.items(), key=lambda pair: _READ.index(pair[0])):
        if member.size_bytes > _MOST_BYTES:
            continue
        try:
            with archive.open(member.name) as stream:
                text = stream.read().decode("utf-8-sig").strip()
            content = json.loads(text) if extension == "json" else text
        except (OSError, EOFError, ValueError, InputError):
            continue
        if isinstance(content, dict):
            cells |= {str(name).lower(): value for name, value in content.items()}
        elif isinstance(content, str) and "emotion" not in cells:
            is_number = extension == "cls" and content.isascii() and content.isdigit()
            if is_number or reader.lexicon.lookup(content):
                cells["emotion"] = content
    return cells
