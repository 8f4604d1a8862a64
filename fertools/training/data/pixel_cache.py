"""The pixel cache: the crops of faces, read once and stored in one memory-mapped file.

A cache belongs to a list of crops and a size. Its name is a digest of both, and of the size and modification time of
each crop. So a crop that was written again is read again. All runs of a workspace share the cache. It may be deleted at
any time. A digest of each face follows the pixels. Runs record these digests. A cache that does not match them is
damaged, and is rebuilt.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.arguments import given
from fertools.core.errors import InputError
from fertools.core.hashing import DIGEST_BYTES, hash_bytes
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.training.data.faces import Faces, Pixels
from fertools.training.recipes.view import View

Digests = NDArray[np.uint8]
"""NxB: a digest of the pixels of each face."""
_CHUNK = 1024
"""Faces that are read or hashed together."""


def load_pixels(
    workspace: Workspace, faces: Faces, view: View | int, cache: Path, report: Reporter | None = None
) -> Pixels:
    """Return the crops of faces as NxSxSx3 uint8 RGB pixels, from the cache if they are in it.

    The cache is checked against its digests, which takes about a second per gigabyte and core.

    Args:
        workspace: workspace that the paths of the crops are relative to.
        faces: the N faces.
        view: what is seen of each crop, or the side S in pixels for the whole crop. Crops are resized by area
            averaging, smaller ones by cubic interpolation.
        cache: folder of the cache files.
        report: reporter of progress, used if crops have to be read.

    Raises:
        InputError: a crop is missing or cannot be read.
        StorageError: the disk is full.
    """
    path = _open_cache(workspace, faces, as_view(view), cache, report)
    mapped: Pixels = np.load(path, mmap_mode="r")
    if not np.array_equal(_digest_all(mapped), _read_digests(path, len(mapped))):
        path.unlink(missing_ok=True)
        mapped = np.load(_open_cache(workspace, faces, as_view(view), cache, report), mmap_mode="r")
    return mapped


def load_digests(
    workspace: Workspace, faces: Faces, view: View | int, cache: Path, report: Reporter | None = None
) -> Digests:
    """Return a digest of the pixels of each face; arguments and errors are as in `load_pixels`.

    The digests are stored in the cache, so that no crop has to be read for them.
    """
    path = _open_cache(workspace, faces, as_view(view), cache, report)
    return _read_digests(path, len(faces.table))


def _open_cache(workspace: Workspace, faces: Faces, view: View, cache: Path, report: Reporter | None) -> Path:
    """Return the cache file of pixels and digests; write it if it is missing or incomplete."""
    path = cache / f"faces-{_digest(workspace, faces)[:16]}-{view}.npy"
    count, size_px = len(faces.table), view.size_px
    stream = io.BytesIO()
    shape = (count, size_px, size_px, 3)
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    header = stream.getvalue()
    if _is_whole(path, header, count * (size_px * size_px * 3 + DIGEST_BYTES)):
        return path
    if report is not None:
        report.note(f"reading {count:,} crops at {size_px} x {size_px}, once for all runs")
    # Plain writes: a full disk would kill a process that writes through a memory map.
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header)
        digests = []
        for pixels, digest in _read_crops(workspace, faces, view):
            file.write(pixels.tobytes())
            digests.append(digest)
        file.write(b"".join(digests))
    return path


def _is_whole(path: Path, header: bytes, rest_bytes: int) -> bool:
    """Return whether a cache file exists with the right header and size."""
    if not path.is_file() or path.stat().st_size != len(header) + rest_bytes:
        return False
    with path.open("rb") as stream:
        return stream.read(len(header)) == header


def _read_digests(path: Path, count: int) -> Digests:
    """Return the digests at the end of a cache file of `count` faces."""
    with path.open("rb") as stream:
        stream.seek(-count * DIGEST_BYTES, os.SEEK_END)
        return np.frombuffer(stream.read(), np.uint8).reshape(count, DIGEST_BYTES)


def _digest_all(pixels: Pixels) -> Digests:
    with ThreadPoolExecutor() as pool:
        chunks = [pixels[start : start + _CHUNK] for start in range(0, len(pixels), _CHUNK)]
        return np.concatenate([*pool.map(_digest_chunk, chunks)])


def _digest_chunk(pixels: Pixels) -> Digests:
    return np.frombuffer(b"".join(_digest_face(face) for face in pixels), np.uint8).reshape(-1, DIGEST_BYTES)


def _digest_face(face: Pixels) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(face).data, digest_size=DIGEST_BYTES).digest()


def _digest(workspace: Workspace, faces: Faces) -> str:
    parts = []
    for name in faces.table["path"].to_pylist():
        try:
            found = (workspace.root / name).stat()
        except OSError as error:
            raise _unreadable(workspace.root / name, error) from error
        parts.append(f"{name}\0{found.st_size}\0{found.st_mtime_ns}".encode())
    return hash_bytes(*parts)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"the crop {path} cannot be read ({error.strerror}); ingest with {given('overwrite', True)}")


def _read_crops(workspace: Workspace, faces: Faces, view: View) -> Iterator[tuple[Pixels, bytes]]:
    names = faces.table["path"].to_pylist()

    def read(name: str) -> tuple[Pixels, bytes]:
        pixels = read_crop(workspace.root / name, view)
        return pixels, _digest_face(pixels)

    with ThreadPoolExecutor() as pool:
        # Chunks limit the memory of crops that wait to be written.
        for start in range(0, len(names), _CHUNK):
            yield from pool.map(read, names[start : start + _CHUNK])


def as_view(view: View | int) -> View:
    """Return a view; a number is the side of the whole face in pixels."""
    return View(view) if isinstance(view, int) else view


def read_crop(path: Path, view: View | int) -> Pixels:
    """Return the image at `path` as SxSx3 uint8 RGB pixels.

    Args:
        path: image file.
        view: what is seen of the image, or the side S in pixels for the whole image.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    try:
        coded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise _unreadable(path, error) from error
    bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    if bgr is None:
        raise InputError(f"the crop {path} is not an image; ingest with {given('overwrite', True)}")
    return np.ascontiguousarray(resize(np.asarray(bgr, np.uint8), view)[..., ::-1])


def resize(picture: Pixels, view: View | int) -> Pixels:
    """Return a view of an HxWx3 image, SxSx3: resized by area averaging, or by cubic interpolation if it is smaller."""
    view = as_view(view)
    side, margin = view.of_px, view.margin_px
    shrinks = min(picture.shape[:2]) >= side
    resized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)[margin : margin + view.size_px, margin : margin + view.size_px]
