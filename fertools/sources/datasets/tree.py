"""The files of a dataset, wherever they are: their paths, and the content of its label tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fertools.core.errors import InputError
from fertools.sources.archives.opened import split_member
from fertools.sources.content import is_archive
from fertools.sources.datasets.archive_tree import ArchiveTree
from fertools.sources.discovery import list_files


class Tree(Protocol):
    """The files below one place: a folder, or an archive in its stead."""

    @property
    def title(self) -> str:
        """Name of the place, for messages."""

    @property
    def names(self) -> Sequence[str]:
        """Paths of all files, in order, with `/` between folders; the first part is the name of the place."""

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the names and contents of some files.

        Args:
            names: some of `names`.
        """


@dataclass(frozen=True)
class FolderTree:
    """The files of a folder.

    Attributes:
        root: absolute path of the folder.
        names: paths of its files, in order, beginning with the folder's own name.
        refused: 0; see `ArchiveTree`.
        remarks: none; see `ArchiveTree`.
    """

    root: Path
    names: tuple[str, ...]
    refused: int = 0
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path, files: Sequence[Path]) -> FolderTree:
        """Return the tree of some files below a folder.

        Args:
            root: path of the folder.
            files: paths of its files.
        """
        root = root.absolute()
        below = sorted(path.absolute().relative_to(root).as_posix() for path in files)
        return cls(root, tuple(f"{root.name}/{name}" for name in below))

    @property
    def title(self) -> str:
        """See `Tree`."""
        return str(self.root)

    def path_of(self, name: str) -> Path:
        """Return the path of a file by its name in the tree."""
        return self.root / name.split("/", 1)[1]

    def place_of(self, name: str) -> tuple[Path, int]:
        """Return what sorts the files by their paths; see `ArchiveTree.place_of`."""
        return self.path_of(name), 0

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `Tree`.

        Raises:
            InputError: a file cannot be read.
        """
        for name in names:
            try:
                yield name, self.path_of(name).read_bytes()
            except OSError as error:
                raise InputError(f"cannot read {self.path_of(name)}: {error.strerror}") from error


def open_tree(place: Path, *, home: Path | None = None, beside: Sequence[Path] = ()) -> FolderTree | ArchiveTree:
    """Return the files of a folder, of an archive, or of a folder in an archive.

    Args:
        place: path of the folder, of the archive such as `set.zip`, or of the folder in it, such as `set.zip/CK+`.
        home: folder of the own workspace, which is entered although it is a workspace.
        beside: folders that are not entered, such as the crops of the own workspace.

    Raises:
        InputError: there is no such folder or archive, or it cannot be read.
    """
    if place.is_dir():
        return FolderTree.of(place, list_files(place, home=home, beside=beside))
    archive, inside = split_member(place) or (place, "")
    if not archive.is_file():
        raise InputError(f"there is no folder or archive {place}; give the folder of the dataset, or an archive of it")
    if not is_archive(archive):
        raise InputError(f"{place} is neither a folder nor an archive; give the folder of the dataset, or an archive")
    return ArchiveTree.of(archive, inside)
