"""A seekable view of a compressed file that refuses to unpack to an implausible size."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from fertools.sources.archives.members import Limits, bomb

CHUNK_BYTES: Final = 2**20


def _zstd(raw: BinaryIO) -> BinaryIO:
    # A context manager of its own closes `raw`, which the caller closes.
    return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"))


_OPENERS: Final[tuple[tuple[bytes, Callable[[Any], Any]], ...]] = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
    (b"\x28\xb5\x2f\xfd", _zstd),
)


class GuardedStream(io.RawIOBase):
    """The unpacked content of a file; a file that is not compressed is read unchanged.

    Moving forward unpacks, and moving backward begins again, so read in ascending order.

    Args:
        path: path of the file.
        limits: limits that reading enforces.

    Reading raises:
        InputError: the content unpacks to an implausible size.
        OSError, EOFError, zlib.error, lzma.LZMAError: the content is damaged.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__()
        self._path, self._limits = path, limits
        self._raw: BinaryIO = path.open("rb")
        head = self._raw.read(8)
        self._opener = next((opener for begin, opener in _OPENERS if head.startswith(begin)), None)
        self._size_bytes = path.stat().st_size
        self._begin()

    @property
    def is_compressed(self) -> bool:
        """Whether reading backward is slow."""
        return self._opener is not None

    def _begin(self) -> None:
        self._raw.seek(0)
        self._stream: BinaryIO = self._raw if self._opener is None else self._opener(self._raw)
        self._place = 0

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """See `io.RawIOBase`; the content is read in pieces, so that a bomb is noticed early."""
        pieces = []
        while size:
            piece = self._stream.read(min(CHUNK_BYTES, size) if size > 0 else CHUNK_BYTES)
            if not piece:
                break
            pieces.append(piece)
            self._place += len(piece)
            size -= len(piece) if size > 0 else 0
            if self._opener is not None and self._limits.is_bomb(self._place, self._raw.tell()):
                raise bomb(self._path, self._limits)
        return b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.RawIOBase`; only positions from the beginning or the current one."""
        target = offset + (self._place if whence == io.SEEK_CUR else 0)
        if self._opener is None:
            self._place = self._raw.seek(target)
            return self._place
        if target < self._place:
            self._begin()
        while self._place < target and self.read(min(CHUNK_BYTES, target - self._place)):
            pass
        return self._place

    def close(self) -> None:
        """See `io.RawIOBase`."""
        if not self.closed:
            self._raw.close()
        super().close()


class Slice(io.RawIOBase):
    """A part of another stream.

    Args:
        stream: the other stream, which nothing else uses meanwhile.
        start: first position.
        size: number of bytes.
    """

    def __init__(self, stream: GuardedStream, start: int, size: int) -> None:
        super().__init__()
        self._stream, self._start, self._size, self._place = stream, start, size, 0

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.RawIOBase`."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`; an end inside the part is an error."""
        wanted = min(len(buffer), max(0, self._size - self._place))
        if not wanted:
            return 0
        self._stream.seek(self._start + self._place)
        content = self._stream.read(wanted)
        if len(content) < wanted:
            raise EOFError("the archive ends inside this member")
        buffer[:wanted] = content
        self._place += wanted
        return wanted
