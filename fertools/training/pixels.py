"""The pixels of faces: crops read once, and kept on the disk as one file that memory maps.

A cache belongs to a list of crops and a size. Its name is a digest of both, and of how large and how new each crop's
file is, so that a crop that was made anew is read anew. All runs of a workspace share it. It holds nothing that is
not in the crops, and may be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.training.data import Faces, Pixels


def load_pixels(
    workspace: Workspace, faces: Faces, size_px: int, cache: Path, report: Reporter | None = None
) -> Pixels:
    """Return the crops of `faces`, NxSxSx3 RGB, read once and kept in `cache` for other runs and starts.

    Args:
        workspace: what the paths of the crops are relative to.
        faces: which.
        size_px: S; crops are brought to it by area averaging, or by cubic interpolation where they are smaller.
        cache: folder for the files of pixels.
        report: told if crops have to be read, which takes minutes where there are very many.

    Raises:
        InputError: a crop is missing or cannot be read.
        StorageError: the disk is full.
    """
    path = cache / f"faces-{_digest(workspace, faces)[:16]}-{size_px}.npy"
    if not path.is_file():
        if report is not None:
            report.note(f"reading {len(faces.table):,} crops at {size_px} x {size_px}, once for all runs")
        with files.replacing(path) as temporary:
            shape = (len(faces.table), size_px, size_px, 3)
            # Plain writes, since a full disk kills a process that writes through a memory map.
            with temporary.open("wb") as stream:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for pixels in _read_crops(workspace, faces, size_px):
                    stream.write(pixels.tobytes())
    mapped: Pixels = np.load(path, mmap_mode="r")
    return mapped


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
    return InputError(f"the crop {path} cannot be read ({error.strerror}); ingest with --overwrite")


def _read_crops(workspace: Workspace, faces: Faces, size_px: int) -> Iterator[Pixels]:
    names = faces.table["path"].to_pylist()
    with ThreadPoolExecutor() as pool:
        # In pieces, so that no more than these wait in memory for the disk.
        for start in range(0, len(names), 1024):
            yield from pool.map(lambda name: read_crop(workspace.root / name, size_px), names[start : start + 1024])


def read_crop(path: Path, size_px: int) -> Pixels:
    """Return the picture at `path` as SxSx3 RGB.

    Raises:
        InputError: it is missing or cannot be read.
    """
    try:
        coded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise _unreadable(path, error) from error
    bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    if bgr is None:
        raise InputError(f"the crop {path} is not a picture; ingest with --overwrite")
    return np.ascontiguousarray(resize(np.asarray(bgr, np.uint8), size_px)[..., ::-1])


def resize(picture: Pixels, size_px: int) -> Pixels:
    """Return an HxWx3 picture as SxSx3: by area averaging, or by cubic interpolation where it is smaller."""
    shrinks = min(picture.shape[:2]) >= size_px
    resized = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)
