"""The files of a dataset in an archive, which is read in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fertools.core.errors import InputError
from fertools.sources.archives.opened import open_archive, read_head
from fertools.sources.discovery import archive_stem

_MOST_TABLE_BYTES: Final = 4 * 2**30
"""Maximum size of all label tables of a kind, which are in memory at once."""


@dataclass(frozen=True)
class ArchiveTree:
    """The files of a folder in an archive.

    Attributes:
        title: the given path, for messages.
        root: path of the folder, such as `set.zip/CK+`, or of the archive.
        archive: path of the archive.
        names: paths of its files, in order, beginning with the folder's name, or that of the archive without its
            suffixes.
        refused: number of members that are not read for safety.
        remarks: those members, and damage of the archive, each in one line.
        members: number of each file in the order in which reading is fast, and its size.
    """

    title: str
    root: Path
    archive: Path
    names: tuple[str, ...]
    refused: int
    remarks: tuple[str, ...]
    members: Mapping[str, tuple[int, int]] = field(repr=False)

    @classmethod
    def of(cls, archive: Path, inside: str = "") -> ArchiveTree:
        """Return the tree of an archive, or of a folder in it.

        Hidden members are left out. If all others are in one folder, the tree is that of the folder, because archives
        of a folder are written with and without its name.

        Args:
            archive: path of the archive.
            inside: path of the folder in the archive; empty for the whole archive.

        Raises:
            InputError: the archive cannot be read, exceeds a limit, or has no such folder.
        """
        archive = archive.absolute()
        title = str(archive / inside)
        contents = open_archive(archive).contents()
        start = f"{inside}/" if inside else ""
        below = {
            name: (number, member.size_bytes)
            for number, member in enumerate(contents.members)
            if member.name.startswith(start) and not _is_hidden(name := member.name.removeprefix(start))
        }
        if not below:
            raise InputError(f"{title} holds no files; give an archive or a folder in it that does")
        if not inside and len(tops := {name.partition("/")[0] for name in below}) == 1 and "/" in min(below):
            inside = tops.pop()
            below = {name.removeprefix(f"{inside}/"): place for name, place in below.items()}
        top = Path(inside).name or archive_stem(archive)
        members = {f"{top}/{name}": place for name, place in below.items()}
        return cls(
            title,
            archive / inside,
            archive,
            tuple(sorted(members)),
            len(contents.refused),
            tuple(contents.remarks(archive)),
            members,
        )

    def path_of(self, name: str) -> Path:
        """Return the path of a member by its name in the tree."""
        return self.root / name.split("/", 1)[1]

    def place_of(self, name: str) -> tuple[Path, int]:
        """Return what sorts the files so that reading is fast: the archive, and the number of the member there."""
        return self.archive, self.members[name][0]

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `Tree`. The members are read in the order of the archive, so a compressed tar is unpacked once.

        Raises:
            InputError: a member cannot be read, or the members are too large for memory.
        """
        if (total := sum(self.members[name][1] for name in names)) > _MOST_TABLE_BYTES:
            raise InputError(f"{self.title} has label tables of {total:,} bytes; unpack it and give the folder")
        content = {
            name: read_head(self.path_of(name), self.members[name][1]) for name in sorted(names, key=self.place_of)
        }
        for name in names:
            yield name, content.pop(name)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
