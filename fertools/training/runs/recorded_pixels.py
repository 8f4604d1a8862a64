"""`pixels.npy` of a run: for each of its faces, a digest of the name and one of the pixels."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.hashing import DIGEST_BYTES
from fertools.training.runs.folder import RunFolder

_NAME_BYTES = 8


def write_pixels(
    folder: RunFolder, names: Sequence[str], generated: NDArray[np.bool_], digests: NDArray[np.uint8]
) -> None:
    """Record the faces of a run.

    Args:
        folder: folder of the run.
        names: identifiers of the N faces.
        generated: N booleans. Each run names generated faces by itself, so their names are recorded as zeros.
        digests: NxB uint8, a digest of each face's pixels.

    Raises:
        StorageError: the disk is full.
    """
    hashed = np.frombuffer(b"".join(map(_digest_name, names)), np.uint8).reshape(len(names), _NAME_BYTES)
    stream = io.BytesIO()
    np.save(stream, np.hstack([np.where(generated[:, None], 0, hashed), digests]), allow_pickle=False)
    files.write_bytes(folder.pixels_path, stream.getvalue())


def read_pixels(folder: RunFolder) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return the digests of names (Nx8 uint8) and of pixels (NxB uint8); None if they are missing or damaged."""
    try:
        recorded: np.ndarray = np.load(folder.pixels_path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if recorded.dtype != np.uint8 or recorded.shape[1:] != (_NAME_BYTES + DIGEST_BYTES,):
        return None
    return recorded[:, :_NAME_BYTES], recorded[:, _NAME_BYTES:]


def find_differing(folders: Iterable[RunFolder]) -> tuple[RunFolder, RunFolder] | None:
    """Return two runs that trained on or tested different pixels of the same real face; None if there are none.

    Runs that began before their pixels were recorded, or whose record is damaged, are left out.
    """
    known: dict[bytes, tuple[bytes, RunFolder]] = {}
    for folder in folders:
        if (recorded := read_pixels(folder)) is None:
            continue
        names, pixels = recorded
        for row in np.flatnonzero(names.any(axis=1)):
            face = pixels[row].tobytes()
            first, other = known.setdefault(names[row].tobytes(), (face, folder))
            if first != face:
                return other, folder
    return None


def was_given(folder: RunFolder, faces: Iterable[str]) -> bool | None:
    """Return whether a run was given one of some real faces, to train on or to test; None if its pixels are unknown.

    Args:
        folder: folder of the run.
        faces: identifiers of the faces.
    """
    if (recorded := read_pixels(folder)) is None:
        return None
    names = {row.tobytes() for row in recorded[0]}
    return not names.isdisjoint(_digest_name(face) for face in faces)


def _digest_name(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_NAME_BYTES).digest()
