"""Progress that worker processes share with the first process: the work done, and heartbeats.

The numbers are shared without a lock, and each worker writes only its own. So a worker that is killed at any moment
leaves no lock behind.
"""

from __future__ import annotations

import os
import time
from multiprocessing.context import BaseContext
from typing import Any

from fertools.ingestion.workload import Done

_PROCESS, _HEARTBEAT_S, _FRAMES, _FACES, _PICTURES, _VIDEO_BYTES, _CELLS = range(7)


class SharedProgress:
    """Progress of worker processes in shared memory.

    Args:
        context: multiprocessing context of the workers.
        workers: number of workers.
    """

    def __init__(self, context: BaseContext, workers: int) -> None:
        self._cells: Any = context.RawArray("d", workers * _CELLS)
        self._joined: Any = context.Value("i", 0)
        self._place = 0

    def join(self) -> int:
        """Register this worker and return its number, from 0; called once in each worker."""
        with self._joined.get_lock():
            number = int(self._joined.value)
            self._joined.value += 1
        self._place = number * _CELLS
        self._cells[self._place + _PROCESS] = os.getpid()
        return number

    def heartbeat(self) -> None:
        """Show that this worker makes progress."""
        # All processes of a machine share the monotonic clock, which is never zero.
        self._cells[self._place + _HEARTBEAT_S] = time.monotonic()

    def rest(self) -> None:
        """Show that this worker is idle, so no heartbeat is expected."""
        self._cells[self._place + _HEARTBEAT_S] = 0

    def tick(self, done: Done) -> None:
        """Add to the work that this worker has done; this counts as a heartbeat."""
        self._cells[self._place + _FRAMES] += done.frames
        self._cells[self._place + _FACES] += done.faces
        self._cells[self._place + _PICTURES] += done.pictures
        self._cells[self._place + _VIDEO_BYTES] += done.video_bytes
        self.heartbeat()

    def totals(self) -> Done:
        """Return the work that all workers have done."""
        columns = (_FRAMES, _FACES, _PICTURES, _VIDEO_BYTES)
        return Done(*(int(sum(self._cells[column::_CELLS])) for column in columns))

    def stalled(self, limit_s: float) -> list[int]:
        """Return the processes that work without a heartbeat for `limit_s` seconds."""
        now_s = time.monotonic()
        pairs = zip(self._cells[_PROCESS::_CELLS], self._cells[_HEARTBEAT_S::_CELLS], strict=True)
        return [int(process) for process, heartbeat_s in pairs if heartbeat_s and now_s - heartbeat_s > limit_s]
