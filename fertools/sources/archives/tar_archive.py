"""Read the members of a tar, compressed or not."""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast

from fertools.core.errors import InputError, first_line
from fertools.core.explain import raise_of_machine
from fertools.sources.archives.decompression import GuardedStream, Slice
from fertools.sources.archives.members import (
    DEFAULT_LIMITS,
    LINK,
    SPECIAL,
    Contents,
    Limits,
    Member,
    Refused,
    safe_name,
    too_many,
    without_repeated,
)

ERRORS: Final = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, lzma.LZMAError)
"""What `tarfile` and the decompressors raise for damaged content."""
_MOST_PADDING_BYTES: Final = 2**20
"""Maximum number of zeros that programs write at the end of a tar."""


class TarArchive:
    """A tar; see `Archive`.

    A compressed tar is listed only as far as needed, because a member is found by unpacking all before it.

    Args:
        path: path of the file.
        limits: limits for its members.

    Raises:
        InputError: it is no tar, such as a single compressed file.
    """

    def __init__(self, path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path, self._limits = path, limits
        self._stream = GuardedStream(path, limits)
        self._places: dict[str, tuple[int, int]] = {}
        self._members: list[Member] = []
        self._refused: list[Refused] = []
        self._count, self._end, self._is_listed = 0, 0, False
        self._damage: str | None = None
        try:
            block = self._stream.read(tarfile.BLOCKSIZE)
            if any(block):
                tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
            self._stream.seek(0)
            # Damaged headers are passed over, and so are the zeros between tars that were joined.
            self._tar = tarfile.TarFile(fileobj=self._stream, ignore_zeros=True)
        except InputError:
            self.close()
            raise
        except ERRORS as error:
            raise_of_machine(error, path)
            self.close()
            raise InputError(self._no_tar(error)) from error

    def _no_tar(self, error: Exception) -> str:
        if self._stream.is_compressed:
            return f"{self.path} is compressed, but holds no tar ({first_line(error)}); unpack it and give the folder"
        return f"{self.path} cannot be read as a tar ({first_line(error)}); fetch it again"

    def contents(self) -> Contents:
        """See `Archive`."""
        while self._advance():
            pass
        once, repeated = without_repeated(self._members)
        return Contents(once, (*self._refused, *repeated), self._damage)

    def open(self, name: str) -> BinaryIO:
        """See `Archive`."""
        while name not in self._places and self._advance():
            pass
        if name not in self._places:
            raise InputError(f"{self.path} has no member '{name}'" + (f"; {self._damage}" if self._damage else ""))
        return cast(BinaryIO, io.BufferedReader(Slice(self._stream, *self._places[name]), 2**16))

    def close(self) -> None:
        """See `Archive`."""
        self._stream.close()

    def _advance(self) -> bool:
        """List one more member; return whether there was one."""
        if self._is_listed:
            return False
        try:
            entry = self._tar.next()
        except InputError:
            raise
        except ERRORS as error:
            raise_of_machine(error, self.path)
            self._damage = f"it is damaged after {self._count:,} members ({first_line(error)}); the others are read"
            entry = None
        if entry is None:
            self._is_listed = True
            self._note_damage(self._stream.tell(), tail=True)
            return False
        # `tarfile` keeps every header, which is much memory for millions of members.
        self._tar.members.clear()  # type: ignore[attr-defined]  # missing in the stubs
        self._add(entry)
        return True

    def _add(self, entry: tarfile.TarInfo) -> None:
        self._count += 1
        if self._count > self._limits.members:
            raise too_many(self.path, self._limits)
        self._note_damage(entry.offset)
        self._end = max(self._end, entry.offset_data + -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        if entry.isdir():
            return
        name = safe_name(entry.name)
        if isinstance(name, Refused):
            self._refused.append(name)
        elif why := self._refusal(entry):
            self._refused.append(Refused(ascii(name)[1:-1], why))
        else:
            self._places[name] = (entry.offset_data, entry.size)
            self._members.append(Member(name, entry.size))

    def _refusal(self, entry: tarfile.TarInfo) -> str | None:
        if entry.issym() or entry.islnk():
            return LINK
        if not entry.isreg() or entry.issparse():
            return SPECIAL
        if entry.size > self._limits.member_bytes:
            return f"has {entry.size:,} bytes, which is too many"
        return None

    def _note_damage(self, reached: int, *, tail: bool = False) -> None:
        """Note damage if there is content between the last member and `reached`, and not only the zeros of an end."""
        start, before = self._end, self._stream.tell()
        if self._damage is not None or reached <= start:
            return
        if self._stream.is_compressed:
            # Reading it would begin again at the first byte; joined tars are rare, so this is damage.
            found = reached - start > (_MOST_PADDING_BYTES if tail else 0)
        else:
            self._stream.seek(start)
            found = any(self._stream.read(tarfile.BLOCKSIZE))
            self._stream.seek(before)
        if found:
            self._damage = f"it is damaged at byte {start:,}; members there are lost, and the others are read"
