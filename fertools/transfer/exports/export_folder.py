"""The folder of an export: every file is written whole, inside the folder, and only once.

A rerun skips the files that are there. That is safe, because a file gets its name when it is complete, and the record
of the export refuses other faces and options.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from fertools.core import files
from fertools.core.errors import InputError


class ExportFolder:
    """Writes files below a folder.

    Args:
        root: the folder; it is created if missing.

    Attributes:
        root: the folder.
        written: number of files that were written.
        before: number of files that were there already.
        documents: paths below the folder of all files that `writing` wrote or found, in that order.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written = self.before = 0
        self.documents: list[str] = []
        self._folders: set[Path] = set()

    def copy(self, source: Path, *names: str) -> None:
        """Copy a file, unless a file of the same size is there.

        Args:
            source: file to copy.
            *names: names of the folders below the root, and of the file.

        Raises:
            InputError: see `place`.
            StorageError: the disk is full or cannot be written.
        """
        target = self.place(*names)
        if target.is_file() and not target.is_symlink() and target.stat().st_size == source.stat().st_size:
            self.before += 1
            return
        with files.replacing(target, flush=False) as temporary:
            shutil.copyfile(source, temporary)
        self.written += 1

    @contextlib.contextmanager
    def writing(self, *names: str) -> Iterator[Path | None]:
        """Yield a temporary path for a file, or None if the file is there.

        Args:
            *names: names of the folders below the root, and of the file.

        Raises:
            InputError: see `place`.
            StorageError: the disk is full or cannot be written.
        """
        target = self.place(*names)
        self.documents.append("/".join(names))
        if target.is_file() and not target.is_symlink():
            self.before += 1
            yield None
            return
        with files.replacing(target) as temporary:
            yield temporary
        self.written += 1

    def place(self, *names: str) -> Path:
        """Return the path of a file below the root, after creating its folder.

        Args:
            *names: names of the folders below the root, and of the file.

        Raises:
            InputError: a name is no plain name, or a folder is a link, which could lead out of the export.
        """
        if any(name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name for name in names):
            raise InputError(f"{'/'.join(names)!a} is no name of a file inside {self.root}; restore the manifest")
        folder = self.root
        for name in names[:-1]:
            folder = folder / name
            if folder in self._folders:
                continue
            if folder.is_symlink():
                raise InputError(f"{folder} is a link and could lead out of {self.root}; remove it and run again")
            with files.storage_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        return folder / names[-1]
