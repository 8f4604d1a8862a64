"""Weight files with a checksum: safetensors files whose metadata contain a digest of the whole file.

The format itself has no checksum, so a file with flipped bits is read without an error. The digest is computed over the
file with zeros in place of the digest. Other programs read the file as plain safetensors.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.hashing import DIGEST_BYTES

SEAL = "fertools.blake2b"
"""Key of the digest in the metadata of a file."""
_ABSENT = b"0" * 2 * DIGEST_BYTES
_MARK = f'"{SEAL}":"'.encode()
_LENGTH_BYTES, _PIECE_BYTES = 8, 2**20
_LONGEST_HEADER_BYTES = 100_000_000
"""Maximum header length of the format."""


def write_sealed(path: Path, content: bytes) -> None:
    """Write a weight file with its digest, atomically.

    Args:
        path: path of the file.
        content: content of a safetensors file.

    Raises:
        StorageError: the disk is full; an existing file is unchanged.
    """
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES:end])
    metadata = {SEAL: _ABSENT.decode(), **dict(sorted(header.pop("__metadata__", {}).items()))}
    coded = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    # The format pads the header with spaces to a multiple of eight bytes.
    coded += b" " * (-len(coded) % _LENGTH_BYTES)
    head, rest = len(coded).to_bytes(_LENGTH_BYTES, "little") + coded, memoryview(content)[end:]
    digest = hashlib.blake2b(head, digest_size=DIGEST_BYTES)
    digest.update(rest)
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(head.replace(_MARK + _ABSENT, _MARK + digest.hexdigest().encode(), 1))
        stream.write(rest)


def is_sealed(path: Path) -> bool:
    """Return whether a file contains a digest.

    Raises:
        OSError: the file cannot be read.
    """
    return _MARK in _read_head(path)


def read_seal(path: Path) -> str:
    """Return the digest that a file states; empty without one.

    Raises:
        OSError: the file cannot be read.
    """
    head = _read_head(path)
    place = head.find(_MARK)
    start = place + len(_MARK)
    return "" if place < 0 else head[start : start + 2 * DIGEST_BYTES].decode("ascii", "replace")


def is_whole(path: Path) -> bool:
    """Return whether the content of a file matches its digest; False without a digest.

    Raises:
        OSError: the file cannot be read.
    """
    head = _read_head(path)
    place = head.find(_MARK)
    if place < 0:
        return False
    place += len(_MARK)
    end = place + 2 * DIGEST_BYTES
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(head[:place] + _ABSENT + head[end:])
    with path.open("rb") as stream:
        stream.seek(len(head))
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest().encode() == head[place:end]


def check_whole(path: Path, way_out: str) -> None:
    """Raise InputError unless the content of a weight file matches its digest.

    Args:
        path: path of the file.
        way_out: what the user should do otherwise, for the message.

    Raises:
        InputError: the file is damaged, missing or cannot be read.
    """
    try:
        whole = is_whole(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); {way_out}") from error
    if not whole:
        raise InputError(f"{path} is damaged, because its content does not match its checksum; {way_out}")


def _read_head(path: Path) -> bytes:
    """Return the first bytes of a file, up to the end of its header."""
    with path.open("rb") as stream:
        start = stream.read(_LENGTH_BYTES)
        length = int.from_bytes(start, "little")
        if length > min(_LONGEST_HEADER_BYTES, os.fstat(stream.fileno()).st_size):
            return start
        return start + stream.read(length)
