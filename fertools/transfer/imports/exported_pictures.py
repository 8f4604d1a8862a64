"""Read the pictures of an export: from files, from tars, or from Parquet tables with a column `image`.

The name of a file comes from a table of somebody else. So it must be a plain path below the export, without a
link. A picture counts only if it has the digest that the table states.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pyarrow.parquet as pq
from PIL import Image

from fertools.core.explain import reading

_MOST_BYTES = 64 * 2**20
"""Largest picture that is read. A crop of 4,096 pixels needs less."""
_REMEDY = "restore it or export again"


def read_pictures(folder: Path, name: str, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the identifier and the content of the wanted faces of one file. Some may be missing.

    Args:
        folder: folder of the export.
        name: path of the file, as the table of the export has it.
        wanted: suffix of the picture by the identifier of the face.

    Raises:
        InputError: the file is missing or damaged, or its path leads out of the folder.
    """
    path = _inside(folder, name)
    with reading(path, "cannot be read", _REMEDY):
        if path.suffix == ".tar":
            yield from _in_tar(path, wanted)
        elif path.suffix == ".parquet":
            yield from _in_table(path, wanted)
        elif path.stem in wanted and path.stat().st_size <= _MOST_BYTES:
            yield path.stem, path.read_bytes()


def is_sound(content: bytes, digest: str, size_px: int | None) -> bool:
    """Return whether a picture is the one that was exported, and a crop that a manifest may have.

    Args:
        content: content of the picture.
        digest: its SHA-256, as 64 hex digits.
        size_px: width and height in pixels; None for any size.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        return False
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
            return size_px is None or picture.size == (size_px, size_px)
    # Pillow raises many kinds of error for damaged files, SyntaxError among them.
    except Exception:
        return False


def _in_tar(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            face, suffix = PurePosixPath(member.name).stem, PurePosixPath(member.name).suffix
            if wanted.get(face) == suffix and member.isreg() and member.size <= _MOST_BYTES:
                stream = tar.extractfile(member)
                if stream is not None:
                    yield face, stream.read()


def _in_table(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=100, columns=["face_id", "image.bytes"]):
            for row in batch.to_pylist():
                if row["face_id"] in wanted and row["image"]["bytes"] is not None:
                    yield row["face_id"], row["image"]["bytes"]


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file of an export.

    Raises:
        InputError: it is no plain path below the folder, or leads over a link.
    """
    path = folder
    with reading(f"{folder}: the file {name!a}", "is no file of the export", _REMEDY):
        if not name or "\0" in name or "\\" in name or PurePosixPath(name).is_absolute():
            raise ValueError("not a plain path")
        for part in PurePosixPath(name).parts:
            path = path / part
            if part == ".." or path.is_symlink():
                raise ValueError("it leads out of the folder")
        path.open("rb").close()
    return path
