"""Videos for the page: which file it plays, the copy that is being made, and what a rater has traced so far."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from fertools.annotations.catalogue import Catalogue, Video
from fertools.annotations.log import RatingLog
from fertools.annotations.playable import Playable, as_it_is, find_copy, make_copy
from fertools.annotations.queue import draw
from fertools.annotations.traces import replay_traces
from fertools.core.errors import FertoolsError

COVERED = 0.9
"""A video counts as traced when this share of its frames lies between the first and the last that have both values.
Browsers often do not report the very first and last frames that they play."""


@dataclass
class _Copy:
    """A copy that is being made.

    Attributes:
        frames: how many are written.
        error: why it failed; None while it has not.
    """

    frames: int = 0
    error: str | None = None


class Videos:
    """Answers about videos; its methods may be called from several threads.

    Args:
        catalogue: which videos there are.
        log: the ratings, read here alone.
        seed: of the raters' orders.
    """

    def __init__(self, catalogue: Catalogue, log: RatingLog, seed: int) -> None:
        self._catalogue, self._log, self._seed = catalogue, log, seed
        self._lock = threading.RLock()
        self._originals: dict[str, Playable | str] = {}
        self._copies: dict[str, _Copy] = {}
        self._traces: dict[tuple[str, str], dict[str, Any]] = {}
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="copies")

    def close(self) -> None:
        """Stop making copies; one that is on its way is finished or left out, never left in part."""
        self._maker.shutdown(wait=False, cancel_futures=True)

    def playable(self, source_id: str, *, copy: bool) -> Playable | str:
        """Return the file that the page plays, or why there is none (yet): `preparing`, or an error in words.

        Args:
            source_id: the video.
            copy: whether the browser said that it cannot play the file itself.
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
        """Return which share of a copy is made; None where the number of frames is unknown."""
        frames = self._video(source_id).frames
        under_way = self._copies.get(source_id)
        return min(1.0, under_way.frames / frames) if frames and under_way else None

    def trace(self, rater: str, source_id: str) -> dict[str, Any]:
        """Return what a rater has traced on a video: lists of `frames`, `valence` and `arousal`, and `covered`."""
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
        """Forget what was computed of a rater's traces, after a new piece or an undoing."""
        with self._lock:
            for key in [key for key in self._traces if key[0] == rater]:
                del self._traces[key]

    def describe(self, rater: str) -> list[dict[str, Any]]:
        """Return all videos in the rater's order, with how far the rater is with each.

        They are numbered and not named: names of files and folders often say what is to be judged.
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
                self._originals[source_id] = as_it_is(path) or ""
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
            under_way.error = f"{path} cannot be copied for the browser ({error})"
