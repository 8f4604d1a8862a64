"""One share of the files: what one job of an array works on, in a workspace of its own.

The share of a file follows from the file alone (its size and its first bytes), so that every job knows its own files
without a word from the others, files that are added or renamed move no other, and copies of one file, of which only
the first is worked on, are in the same share.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.hashing import fingerprint, hash_bytes
from fertools.core.workspace import Workspace
from fertools.sources.discovery import Found

SECTION = "shard"
"""Section of `fertools.toml` that says which share a workspace holds."""

_HEAD_BYTES = 65_536
"""Bytes at the head of a file that tell it from others of its size; reading them costs about as much as opening it."""


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` shares, counted from 1.

    Raises:
        InputError: the index is not from 1 to the count.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(
                f"{argument('shard')} is {self.index} of {self.count}; give a number from 1 to the number of shares"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the share written as `I/N`, as a workspace records it and the command line takes it.

        Raises:
            InputError: it is not of that form, or I is not in 1 to N.

        Example:
            >>> Shard.parse("2/8")
            Shard(index=2, count=8)
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None:
            raise InputError(f"{argument('shard')} is '{text}'; give I/N with I from 1 to N, such as 1/8")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def place(self, workspace: Workspace) -> Workspace:
        """Return the workspace in which this share of `workspace` is made."""
        return Workspace(workspace.shards / f"{self.index}-of-{self.count}")

    def takes(self, path: Path) -> bool:
        """Return whether the file at `path` is in this share."""
        return int(_mark(path), 16) % self.count == self.index - 1

    def of(self, found: Sequence[Found]) -> list[Found]:
        """Return the files of this share, in the order given."""
        return [file for file in found if self.takes(file.path)]

    def record(self, workspace: Workspace, found: Sequence[Found], *, finished: bool) -> dict[str, Any]:
        """Return what the workspace of this share remembers of it.

        Args:
            workspace: of which this is a share; files are named relative to it.
            found: the files of all shares.
            finished: whether each file of this share has ended as a row.
        """
        listing = fingerprint([workspace.name_of(file.path) for file in found])
        return {"share": str(self), "listing": listing, "files": len(found), "finished": finished}


def shard_folders(workspace: Workspace, count: int = 0) -> list[Path]:
    """Return the folders of all shares that are there, and of all `count` that are going to be."""
    there = {path for path in workspace.shards.glob("*-of-*") if re.fullmatch(r"[0-9]+-of-[0-9]+", path.name)}
    return sorted(there | {Shard(index, count).place(workspace).root for index in range(1, count + 1)})


def _mark(path: Path) -> str:
    """Return a digest of the file that a copy of it has too; of its path if it cannot be read."""
    try:
        status = path.stat()
        # A named pipe, say, would be waited for without end.
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as stream:
                return hash_bytes(str(status.st_size).encode(), stream.read(_HEAD_BYTES))
    except OSError:
        pass
    return hash_bytes(b"path", os.fsencode(path.absolute()))
