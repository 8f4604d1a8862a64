"""Files and members of archives by path: `data.zip/joyful/a.jpg` is the member `joyful/a.jpg` of `data.zip`.

Each process keeps the archives open that it used last, because finding a member of a compressed tar means unpacking all
members before it.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import struct
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa

from fertools.core.errors import InputError, first_line
from fertools.core.explain import raise_of_machine
from fertools.core.files import storage_errors
from fertools.core.hashing import DIGEST_BYTES
from fertools.sources.archives.members import Archive, Member
from fertools.sources.archives.picture_table import SUFFIXES, PictureTable
from fertools.sources.archives.tar_archive import ERRORS as TAR_ERRORS
from fertools.sources.archives.tar_archive import TarArchive
from fertools.sources.archives.zip_archive import ERRORS as ZIP_ERRORS
from fertools.sources.archives.zip_archive import ZipArchive

_KEPT_OPEN: Final = 8
_UNREADABLE: Final = {b"7z\xbc\xaf\x27\x1c": "7z x", b"Rar!\x1a\x07": "unrar x"}
"""Unpacking command of archives that no maintained library reads member by member."""


_opened: OrderedDict[tuple[int, Path, int, int], Archive] = OrderedDict()
"""Open archives by process, path, size and time; a forked process may not share a position in a file."""
_lock = threading.RLock()
"""Held while an archive is read, because threads of the rating page share it."""
_listed: dict[tuple[int, Path, int, int], dict[str, Member]] = {}


_DAMAGE: Final = (*ZIP_ERRORS, *TAR_ERRORS, RuntimeError, struct.error, pa.ArrowException)
"""What libraries raise for damaged content."""


@dataclass(frozen=True)
class Stamp:
    """What shows that a file or member has not changed.

    Attributes:
        size_bytes: its size.
        modified_ns: time of the last change of the file, or of the archive.
    """

    size_bytes: int
    modified_ns: int


def split_member(path: Path) -> tuple[Path, str] | None:
    """Return the archive and the name of a member, or None if the path is no member of an archive.

    Args:
        path: path of a file, or of a member of an archive.
    """
    if os.path.lexists(path):
        return None
    for place in path.parents:
        if place.is_file():
            return place, path.relative_to(place).as_posix()
        if place.is_dir():
            break
    return None


def open_archive(path: Path) -> Archive:
    """Return the opened archive at `path`, which stays open for the next call.

    Raises:
        InputError: it is no archive, damaged, or of a format that is not read.
    """
    key = _key(path)
    if (found := _opened.get(key)) is not None:
        _opened.move_to_end(key)
        return found
    while len(_opened) >= _KEPT_OPEN:
        old, archive = _opened.popitem(last=False)
        _listed.pop(old, None)
        archive.close()
    _opened[key] = _open(path)
    return _opened[key]


def _key(path: Path) -> tuple[int, Path, int, int]:
    status = path.stat()
    return os.getpid(), path.absolute(), status.st_size, status.st_mtime_ns


def _open(path: Path) -> Archive:
    with path.open("rb") as stream:
        head = stream.read(8)
    if command := next((command for begin, command in _UNREADABLE.items() if head.startswith(begin)), None):
        raise InputError(
            f"{path} is of a kind that is not read in place; unpack it (`{command} {shlex.quote(str(path))}`)"
        )
    if path.suffix.lower() in SUFFIXES:
        return PictureTable(path)
    return ZipArchive(path) if head.startswith(b"PK") else TarArchive(path)


def find_member(path: Path) -> Member | None:
    """Return the member of an archive at `path`; None if there is none."""
    if (place := split_member(path)) is None:
        return None
    try:
        with _lock:
            key = _key(place[0])
            archive = open_archive(place[0])
            if key not in _listed:
                _listed[key] = {member.name: member for member in archive.contents().members}
            return _listed[key].get(place[1])
    except (InputError, OSError):
        return None


def exists(path: Path) -> bool:
    """Return whether there is a file or a member of an archive at `path`."""
    return path.exists() or find_member(path) is not None


def stamp(path: Path) -> Stamp:
    """Return the size and time of a file or member.

    Raises:
        OSError: there is no such file or member.
    """
    if (place := split_member(path)) is None or (member := find_member(path)) is None:
        status = path.stat()
        return Stamp(status.st_size, status.st_mtime_ns)
    return Stamp(member.size_bytes, place[0].stat().st_mtime_ns)


def open_binary(path: Path) -> BinaryIO:
    """Return a stream of the content of a file or member.

    The stream of a member is valid until another member of its archive is opened.

    Raises:
        InputError: the member cannot be read.
        OSError: the file cannot be read.
    """
    if (place := split_member(path)) is None:
        return path.open("rb")
    with _reading_member(path):
        return open_archive(place[0]).open(place[1])


def read_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file or member.

    Raises:
        InputError: the member cannot be read.
        OSError: the file cannot be read.
    """
    with _reading_member(path), open_binary(path) as stream:
        return stream.read(size)


def hash_content(path: Path) -> str:
    """Return the digest of the content of a file or member; see `fertools.core.hashing.hash_file`.

    Raises:
        InputError: the member cannot be read.
        OSError: the file cannot be read.
    """
    with _reading_member(path), open_binary(path) as stream:
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        while chunk := stream.read(2**18):
            digest.update(chunk)
        return digest.hexdigest()


@contextmanager
def local_file(path: Path) -> Iterator[Path]:
    """Yield the path of a file with the content of a file or member: `path` itself, or that of a temporary file.

    The temporary file has a name of ours with the suffix of the member, and is removed when the block ends.

    Raises:
        InputError: the member cannot be read.
        StorageError: the disk of temporary files is full.
    """
    if split_member(path) is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fertools-") as folder:
        suffix = path.suffix if path.suffix.isascii() and path.suffix[1:].isalnum() else ""
        copy = Path(folder) / f"member{suffix}"
        with _lock, _reading_member(path):
            source = open_binary(path)
        with _lock, source, storage_errors(copy), copy.open("wb") as target:
            while True:
                with _reading_member(path):
                    chunk = source.read(2**20)
                if not chunk:
                    break
                target.write(chunk)
        yield copy


@contextmanager
def _reading_member(path: Path) -> Iterator[None]:
    """Turn any error of a decompressor about a member into one sentence."""
    try:
        yield
    except _DAMAGE as error:
        if split_member(path) is None:
            raise
        raise_of_machine(error, path)
        raise InputError(f"cannot read {path}: it is damaged in its archive ({first_line(error)})") from error
