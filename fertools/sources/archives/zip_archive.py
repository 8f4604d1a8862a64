"""Read the members of a zip."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, Final, cast

from fertools.core.errors import InputError, first_line
from fertools.core.explain import raise_of_machine
from fertools.sources.archives.members import (
    DEFAULT_LIMITS,
    LINK,
    SPECIAL,
    Contents,
    Limits,
    Member,
    Refused,
    bomb,
    safe_name,
    too_many,
    without_repeated,
)

ERRORS: Final = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, LZMAError, NotImplementedError)
"""What `zipfile` and the decompressors raise for damaged content."""
_ENCRYPTED: Final = 1
_IS_UTF8: Final = 0x800
_UNICODE_PATH: Final = 0x7075
"""Identifier of the extra field in which the `zip` program writes a name in UTF-8."""


class ZipArchive:
    """A zip; see `Archive`.

    Args:
        path: path of the file.
        limits: limits for its members.

    Raises:
        InputError: it is no zip, or damaged so that its members cannot be listed.
    """

    def __init__(self, path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path, self._limits = path, limits
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as error:  # a damaged directory raises almost any error, such as struct.error
            raise_of_machine(error, path)
            raise InputError(
                f"{path} cannot be read as a zip ({first_line(error)}); fetch it again, or repair it by `zip -FF`"
            ) from error
        # The first entry of a name is not better than the last, so `contents` refuses both.
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            if isinstance(name := safe_name(_name(entry)), str):
                self._entries[name] = entry

    def contents(self) -> Contents:
        """See `Archive`."""
        entries, limits = self._zip.infolist(), self._limits
        if len(entries) > limits.members:
            raise too_many(self.path, limits)
        size_bytes = self.path.stat().st_size
        files = [entry for entry in entries if not entry.is_dir()]
        if sum(entry.compress_size for entry in files) > size_bytes:
            raise InputError(f"{self.path} has members that overlap, as no honest program writes them; do not use it")
        if limits.is_bomb(sum(entry.file_size for entry in files), size_bytes):
            raise bomb(self.path, limits)
        members, refused = [], []
        for entry in files:
            name = safe_name(_name(entry))
            if isinstance(name, Refused):
                refused.append(name)
            elif why := self._refusal(entry):
                refused.append(Refused(ascii(name)[1:-1], why))
            else:
                members.append(Member(name, entry.file_size))
        once, repeated = without_repeated(members)
        return Contents(once, (*refused, *repeated))

    def _refusal(self, entry: zipfile.ZipInfo) -> str | None:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind == stat.S_IFLNK:
            return LINK
        if kind not in (0, stat.S_IFREG):
            return SPECIAL
        if entry.file_size > self._limits.member_bytes or self._limits.is_bomb(entry.file_size, entry.compress_size):
            return f"unpacks to {entry.file_size:,} bytes, too many for {entry.compress_size:,} packed bytes"
        return None

    def open(self, name: str) -> BinaryIO:
        """See `Archive`."""
        if (entry := self._entries.get(name)) is None:
            raise InputError(f"{self.path} has no member '{name}'")
        if entry.flag_bits & _ENCRYPTED:
            raise InputError(f"{self.path}/{name} is encrypted; unpack the archive with its password")
        return cast(BinaryIO, self._zip.open(entry))

    def close(self) -> None:
        """See `Archive`."""
        self._zip.close()


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry; `zipfile` reads a name in UTF-8 wrongly unless its flag says so."""
    if entry.flag_bits & _IS_UTF8 or entry.filename.isascii():
        return entry.filename
    try:
        raw = entry.filename.encode("cp437")
    except UnicodeEncodeError:
        return entry.filename
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == _UNICODE_PATH and extra[5:9] == zlib.crc32(raw).to_bytes(4, "little"):
            raw = extra[9 : 4 + size]
        extra = extra[4 + size :]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return entry.filename
