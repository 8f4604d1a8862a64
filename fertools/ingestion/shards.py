"""Shards: each job of a job array ingests one share of the files into its own workspace.

The share of a file depends only on the file: on its size and its first bytes. So every job finds its own files without
contact to the others, and added or renamed files move no other file. Copies of one file are in the same share, where
only the first is ingested.
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
from fertools.sources.discovery import SourceFile

SECTION = "shard"
"""Section of `fertools.toml` that records the share of a workspace."""

_HEAD_BYTES = 65_536
"""Number of first bytes that distinguish a file from others of its size; reading them costs about as much as opening
the file."""


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
        """Return the workspace for this share of `workspace`."""
        return Workspace(workspace.shards / f"{self.index}-of-{self.count}")

    def takes(self, path: Path) -> bool:
        """Return whether the file at `path` is in this share."""
        return int(_mark(path), 16) % self.count == self.index - 1

    def of(self, found: Sequence[SourceFile]) -> list[SourceFile]:
        """Return the files of this share, in the order given."""
        return [file for file in found if self.takes(file.path)]

    def record(self, workspace: Workspace, found: Sequence[SourceFile], *, finished: bool) -> dict[str, Any]:
        """Return the record of this share for its workspace.

        Args:
            workspace: workspace of all shares; files are named relative to it.
            found: files of all shares.
            finished: whether each file of this share has a row.
        """
        listing = fingerprint([workspace.name_of(file.path) for file in found])
        return {"share": str(self), "listing": listing, "files": len(found), "finished": finished}


def shard_folders(workspace: Workspace, count: int = 0) -> list[Path]:
    """Return the folders of all existing shares, and of all `count` planned shares."""
    there = {path for path in workspace.shards.glob("*-of-*") if re.fullmatch(r"[0-9]+-of-[0-9]+", path.name)}
    return sorted(there | {Shard(index, count).place(workspace).root for index in range(1, count + 1)})


def _mark(path: Path) -> str:
    """Return a digest that equal files share; the digest of the path if the file cannot be read."""
    try:
        status = path.stat()
        # A named pipe, for example, would block forever.
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as stream:
                return hash_bytes(str(status.st_size).encode(), stream.read(_HEAD_BYTES))
    except OSError:
        pass
    return hash_bytes(b"path", os.fsencode(path.absolute()))
