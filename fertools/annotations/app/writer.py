"""The one thread that writes to the log: batches that wait at the same time share one commit, and one flush."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from fertools.annotations.log import Batch, RatingLog, Receipt

TOGETHER = 256
"""Batches in one commit at most."""


@dataclass
class _Waiting:
    batch: Batch
    answer: Future[Receipt] = field(default_factory=Future)


class Writer:
    """Adds batches to the log, in the order in which they are given; close it to wait for all of them.

    Args:
        path: the log.
    """

    def __init__(self, path: Path) -> None:
        self._log = RatingLog(path)
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="ratings", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> Future[Receipt]:
        """Return the promise of a receipt, which is kept when the batch is on the disk.

        The future raises what `RatingLog.append_batches` does; then nothing of the batch was added.
        """
        waiting = _Waiting(batch)
        self._waiting.put(waiting)
        return waiting.answer

    def close(self) -> None:
        """Write what waits and close the log."""
        self._waiting.put(None)
        self._thread.join()
        self._log.close()

    def _work(self) -> None:
        ended = False
        while not ended:
            group = [self._waiting.get()]
            while len(group) < TOGETHER and not self._waiting.empty():
                group.append(self._waiting.get())
            ended = None in group
            self._write([waiting for waiting in group if waiting is not None])

    def _write(self, group: list[_Waiting]) -> None:
        if not group:
            return
        try:
            receipts = self._log.append_batches([waiting.batch for waiting in group])
        except Exception as error:
            # Whatever it was, each page is told that its events are not saved and keeps them.
            for waiting in group:
                waiting.answer.set_exception(error)
            return
        for waiting, receipt in zip(group, receipts, strict=True):
            waiting.answer.set_result(receipt)
