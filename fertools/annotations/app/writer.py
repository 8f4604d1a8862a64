"""The only thread that writes to the log: batches that wait at the same time share one commit and one flush."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from fertools.annotations.log import Batch, RatingLog, Receipt

TOGETHER = 256
"""Maximum number of batches in one commit."""


@dataclass
class _Waiting:
    batch: Batch
    receipt: Future[Receipt] = field(default_factory=Future)


class Writer:
    """Adds batches to the log in their order; `close` waits for all of them.

    Args:
        path: path of the log.
    """

    def __init__(self, path: Path) -> None:
        self._log = RatingLog(path)
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="ratings", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> Future[Receipt]:
        """Return a future that gets the receipt once the batch is on the disk.

        The future raises the errors of `RatingLog.append_batches`; then nothing of the batch was added.
        """
        waiting = _Waiting(batch)
        self._waiting.put(waiting)
        return waiting.receipt

    def close(self) -> None:
        """Write all waiting batches and close the log."""
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
            # Each page gets the error, so it keeps its events.
            for waiting in group:
                waiting.receipt.set_exception(error)
            return
        for waiting, receipt in zip(group, receipts, strict=True):
            waiting.receipt.set_result(receipt)
