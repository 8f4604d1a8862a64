"""Members of archives: their names, the limits for untrusted archives, and the interface of all archive formats.

A member has a path below its archive, as if the archive were a folder: `data.zip/joyful/a.jpg`. Nothing is ever written
under the name of a member. See `docs/decisions/0039-archives-in-place.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from fertools.core.errors import InputError

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_LONGEST_NAME: Final = 4096
LINK: Final = "is a link; links in archives are not followed"
SPECIAL: Final = "is no ordinary file"
REPEATED: Final = "has a name that occurs more than once, so the name is ambiguous"


@dataclass(frozen=True)
class Limits:
    """Limits for archives, which may be damaged or made to exhaust a machine.

    Attributes:
        members: maximum number of members of one archive.
        member_bytes: maximum size of one member.
        ratio: maximum ratio of the unpacked size to the packed size.
        free_bytes: size up to which a member may have any ratio, because flat pictures compress well.
    """

    members: int = 5_000_000
    member_bytes: int = 64 * 2**30
    ratio: int = 200
    free_bytes: int = 16 * 2**20

    def is_bomb(self, unpacked: int, packed: int) -> bool:
        """Return whether a size of `unpacked` bytes is implausible for `packed` bytes.

        Example:
            >>> Limits().is_bomb(2**30, 2**20), Limits().is_bomb(2**20, 2**10)
            (True, False)
        """
        return unpacked > self.free_bytes and unpacked > self.ratio * max(1, packed)


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: path in the archive, with `/` as separator; it never leads out of the archive.
        size_bytes: unpacked size.
    """

    name: str
    size_bytes: int


@dataclass(frozen=True)
class Refused:
    """A member that is not read.

    Attributes:
        name: its name, as text that can be printed.
        why: the reason, to follow the name.
    """

    name: str
    why: str


@dataclass(frozen=True)
class Contents:
    """The contents of an archive.

    Attributes:
        members: files in the order in which reading is fast.
        refused: members that are not read.
        damage: what is wrong with the archive as a whole, if it could be listed in part only; else None.
    """

    members: tuple[Member, ...]
    refused: tuple[Refused, ...] = ()
    damage: str | None = None

    def remarks(self, archive: Path) -> list[str]:
        """Return what is wrong with an archive: each member that is not read, and its damage, in one line each.

        Args:
            archive: path of the archive.
        """
        lines = [f"refused: a member of {archive} {refused.why}: {refused.name}" for refused in self.refused]
        return [*lines, f"damaged: {archive}: {self.damage}"] if self.damage else lines


class Archive(Protocol):
    """An opened archive. One thread uses it at a time."""

    path: Path

    def contents(self) -> Contents:
        """Return what the archive contains.

        Raises:
            InputError: it cannot be read, or exceeds a limit.
        """

    def open(self, name: str) -> BinaryIO:
        """Return a stream of the content of a member; it is valid until another member is opened.

        Args:
            name: name of a `Member`.

        Raises:
            InputError: there is no such member, or it cannot be read.
        """

    def close(self) -> None:
        """Close the file."""


def safe_name(raw: str) -> str | Refused:
    r"""Return the name of a member with `/` as separator, or why it is refused.

    Args:
        raw: name in the archive; `\` is a separator, too, because some programs write it.

    Example:
        >>> safe_name("./a/b.jpg"), safe_name("../b.jpg").why
        ('a/b.jpg', 'has a name that leads out of the archive')
    """
    shown = ascii(raw)[1:-1][:200]
    parts = raw.replace("\\", "/").split("/")
    if not raw.strip("/") or "\0" in raw or len(raw) > _LONGEST_NAME:
        return Refused(shown, "has an unusable name")
    if ".." in parts:
        return Refused(shown, "has a name that leads out of the archive")
    if parts[0] == "" or _DRIVE.match(raw):
        return Refused(shown, "has an absolute name")
    name = "/".join(part for part in parts if part not in ("", "."))
    return name or Refused(shown, "has an unusable name")


def without_repeated(members: list[Member]) -> tuple[tuple[Member, ...], list[Refused]]:
    """Return the members whose names occur once, and refuse the others."""
    counts: dict[str, int] = {}
    for member in members:
        counts[member.name] = counts.get(member.name, 0) + 1
    refused = [Refused(ascii(name)[1:-1], REPEATED) for name, count in counts.items() if count > 1]
    return tuple(member for member in members if counts[member.name] == 1), refused


def too_many(path: Path, limits: Limits) -> InputError:
    """Return the error for an archive with too many members."""
    return InputError(f"{path} has more than {limits.members:,} members; unpack it yourself and give the folder")


def bomb(path: Path, limits: Limits) -> InputError:
    """Return the error for an archive that unpacks to an implausible size."""
    return InputError(
        f"{path} unpacks to more than {limits.ratio} times its size, as archives do that are made to fill a disk; "
        "if you trust it, unpack it yourself and give the folder"
    )
