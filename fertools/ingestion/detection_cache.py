"""The detection cache: detections of a video, kept on the disk until the video is committed.

A video is committed as a whole, and an hour of video can take hours. Detection takes nearly all of that time. So
detections are saved every half minute. After a kill, the next run reads them, decodes the video again and searches only
the frames that are missing. The result equals that of an unbroken run to the byte.
"""

from __future__ import annotations

import time
import zipfile
from collections import deque
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fertools.core import files
from fertools.faces.detection.detections import Detections

SAVE_INTERVAL_S = 30.0
"""Seconds of work that a killed run can lose."""

_MARK = ".detections-"


class DetectionCache:
    """The detections of one video that is not committed yet.

    Args:
        folder: folder of the cache files.
        name: name that is safe in a file name and unique to the content of the video.

    Raises:
        StorageError: from `add` and `save`, if the disk is full or cannot be written.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._known: dict[int, Detections] = {}
        self._new: dict[int, Detections] = {}
        self._saved_s = time.monotonic()
        self._unread = deque(sorted(folder.glob(f"{name}{_MARK}*.npz")))

    def known(self, frame_index: int) -> Detections | None:
        """Return the cached detections of a frame, or None if it was not searched yet."""
        # A file has the number of its first frame and is read at that frame, so memory holds one file at a time.
        while self._unread and _first_frame(self._unread[0]) <= frame_index:
            self._known.update(_read(self._unread.popleft()))
        return self._known.get(frame_index)

    def add(self, frame_index: int, found: Detections) -> None:
        """Add the detections of a frame, and save the new ones if the interval is over."""
        # Saved and used detections are dropped, so memory stays flat.
        if self._known.pop(frame_index, None) is None:
            self._new[frame_index] = found
        if time.monotonic() - self._saved_s >= SAVE_INTERVAL_S:
            self.save()

    def save(self) -> None:
        """Save the new detections."""
        if not self._new:
            return
        first = min(self._new)
        piece = self._folder / f"{self._name}{_MARK}{first:010d}.npz"
        found = self._new.values()
        arrays: dict[str, NDArray[np.generic]] = {
            "frames": np.array(list(self._new), dtype=np.int64),
            "counts": np.array([len(one) for one in found], dtype=np.int64),
            "boxes": np.concatenate([one.boxes for one in found]),
            "scores": np.concatenate([one.scores for one in found]),
            "landmarks": np.concatenate([one.landmarks for one in found]),
        }
        with files.replacing(piece) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        self._new = {}
        self._saved_s = time.monotonic()


def drop_caches(folder: Path, *, keep: Collection[str] = ()) -> None:
    """Remove the caches of all videos except those whose names are in `keep`."""
    for piece in folder.glob(f"*{_MARK}*.npz"):
        if piece.name.split(_MARK)[0] not in keep:
            piece.unlink(missing_ok=True)


def drop_cache(folder: Path, name: str) -> None:
    """Remove the cache of one committed video."""
    for piece in folder.glob(f"{name}{_MARK}*.npz"):
        piece.unlink(missing_ok=True)


def _first_frame(piece: Path) -> int:
    return int(piece.stem.split(_MARK)[1])


def _read(piece: Path) -> dict[int, Detections]:
    """Return the detections in a file; none if it is damaged, so that its frames are searched again."""
    try:
        with piece.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            ends = np.cumsum(held["counts"])
            parts = (np.split(held[name], ends[:-1]) for name in ("boxes", "scores", "landmarks"))
            return dict(zip(held["frames"].tolist(), map(Detections, *parts), strict=True))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
