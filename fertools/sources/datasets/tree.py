"""The files of a dataset, wherever they are: their paths, and the content of its label tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fertools.core.errors import InputError


class Tree(Protocol):
    """The files below one place: a folder, or what another source offers in its stead."""

    @property
    def title(self) -> str:
        """Name of the place, for messages."""

    @property
    def names(self) -> Sequence[str]:
        """Paths of all files, in order, with `/` between folders; the first part is the name of the place."""

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Args:
            name: one of `names`.
        """


@dataclass(frozen=True)
class FolderTree:
    """The files of a folder.

    Attributes:
        root: absolute path of the folder.
        names: paths of its files, in order, beginning with the folder's own name.
    """

    root: Path
    names: tuple[str, ...]

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

    def read(self, name: str) -> bytes:
        """See `Tree`.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return self.path_of(name).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {self.path_of(name)}: {error.strerror}") from error
