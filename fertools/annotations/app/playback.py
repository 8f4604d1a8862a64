"""Videos of the page: the file to play, the state of its playable copy, and the trace of a rater."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from fertools.annotations.catalogue import Catalogue, Video
from fertools.annotations.log import RatingLog
from fertools.annotations.playable import Playable, find_copy, make_copy, original_if_playable
from fertools.annotations.queue import draw
from fertools.annotations.traces import replay_traces
from fertools.core.errors import FertoolsError

COVERED = 0.9
"""A video counts as traced if this share of its frames is between the first and the last frame with both values.
Browsers often do not report the very first and the very last frame."""


@dataclass
class _Copy:
    """The state of a playable copy.

    Attributes:
        frames: number of written frames.
        error: why the copy failed; None if it did not fail.
    """

    frames: int = 0
    error: str | None = None


class Videos:
    """Serves information about videos; its methods may be called from several threads.

    Args:
        catalogue: the catalogue of videos.
        log: the log of ratings, which this class only reads.
        seed: seed of the order of videos per rater.
    """

    def __init__(self, catalogue: Catalogue, log: RatingLog, seed: int) -> None:
        self._catalogue, self._log, self._seed = catalogue, log, seed
        self._lock = threading.RLock()
        self._originals: dict[str, Playable | str] = {}
        self._copies: dict[str, _Copy] = {}
        self._traces: dict[tuple[str, str], dict[str, Any]] = {}
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="copies")

    def close(self) -> None:
        """Stop making copies. A running copy is finished or discarded, never left incomplete."""
        self._maker.shutdown(wait=False, cancel_futures=True)

    def playable(self, source_id: str, *, copy: bool) -> Playable | str:
        """Return the file to play, or the reason for having none: `preparing` or an error message.

        Args:
            source_id: identifier of the video.
            copy: whether the browser needs a copy, because it cannot play the original.
        """
        with self._lock:
            original = None if copy else self._original(source_id)
            if original is not None:
                return original
            if (found := find_copy(self._catalogue.workspace, source_id)) is not None:
                return found
            if (under_way := self._copies.get(source_id)) is None:
                self._copies[source_id] = _Copy()
                self._maker.submit(self._make, source_id)
                return "preparing"
            return under_way.error or "preparing"

    def share_prepared(self, source_id: str) -> float | None:
        """Return the finished share of a copy; None if the number of frames is unknown."""
        frames = self._video(source_id).frames
        under_way = self._copies.get(source_id)
        return min(1.0, under_way.frames / frames) if frames and under_way else None

    def trace(self, rater: str, source_id: str) -> dict[str, Any]:
        """Return a rater's trace of a video: lists of `frames`, `valence` and `arousal`, and the share `covered`."""
        with self._lock:
            if (rater, source_id) not in self._traces:
                table = replay_traces(self._log, self._log.undone(rater), rater=rater, source_id=source_id)
                both = table["valence"].notna() & table["arousal"].notna()
                frames = table.loc[both, "frame_index"]
                span = int(frames.max() - frames.min() + 1) if len(frames) else 0
                total = self._video(source_id).frames or 0
                self._traces[rater, source_id] = {
                    "frames": table["frame_index"].tolist(),
                    "valence": [None if value != value else round(value, 4) for value in table["valence"]],
                    "arousal": [None if value != value else round(value, 4) for value in table["arousal"]],
                    "covered": round(min(1.0, span / total), 4) if total else 0.0,
                }
            return self._traces[rater, source_id]

    def forget(self, rater: str) -> None:
        """Drop the cached traces of a rater after new or undone events."""
        with self._lock:
            for key in [key for key in self._traces if key[0] == rater]:
                del self._traces[key]

    def describe(self, rater: str) -> list[dict[str, Any]]:
        """Return all videos in the rater's order, each with the rater's progress.

        Videos have numbers instead of names, because names of files often reveal the label.
        """
        return [
            {
                "source": source_id,
                "name": f"Video {number}",
                "duration_s": self._video(source_id).duration_s,
                "frames": self._video(source_id).frames,
                "covered": (covered := self.trace(rater, source_id)["covered"]),
                "done": covered >= COVERED,
            }
            for number, source_id in enumerate(self._order(rater), 1)
        ]

    def _order(self, rater: str) -> list[str]:
        sources = list(self._catalogue.videos)
        keys = np.array([int(source_id[:16], 16) for source_id in sources], np.uint64)
        return [sources[place] for place in np.argsort(draw(keys, self._seed, f"videos:{rater}"), kind="stable")]

    def _video(self, source_id: str) -> Video:
        return self._catalogue.videos[source_id]

    def _original(self, source_id: str) -> Playable | None:
        if source_id not in self._originals:
            path = self._catalogue.workspace.path_of(self._video(source_id).path)
            try:
                self._originals[source_id] = original_if_playable(path) or ""
            except FertoolsError as error:
                self._originals[source_id] = str(error)
        found = self._originals[source_id]
        return found if isinstance(found, Playable) else None

    def _make(self, source_id: str) -> None:
        under_way = self._copies[source_id]

        def advance(done: int) -> None:
            under_way.frames = done

        path = self._catalogue.workspace.path_of(self._video(source_id).path)
        try:
            make_copy(self._catalogue.workspace, source_id, path, advance=advance)
        except FertoolsError as error:
            under_way.error = str(error)
        except Exception as error:
            under_way.error = f"{path} cannot be converted for the browser ({error})"
