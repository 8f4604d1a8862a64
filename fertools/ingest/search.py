"""The frames of a video with the faces in them, in order, while other threads already search what follows.

Searching a frame costs some fifty times more than decoding it, so one thread decodes, follows and writes crops, and
the others search one frame each. That beats several threads on one frame: the networks are small, and most of their
layers are too short to be worth parting. It gives the same numbers whatever the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from fertools.core.errors import Interrupted
from fertools.faces.cascade import Detections, Detector
from fertools.ingest.findings import Findings
from fertools.sources.videos import BrokenVideoError, Frame


class Search:
    """Searches frames in threads.

    Args:
        detector: finds the faces.
        threads: how many frames of a video are searched at a time on a CPU; a GPU gets one call after another.
        batch_size: frames per call on a GPU.
    """

    def __init__(self, detector: Detector, threads: int = 1, batch_size: int = 1) -> None:
        self.detector = detector
        on_cpu = detector.device.type == "cpu"
        self._batch_size = 1 if on_cpu else batch_size
        self._threads = threads if on_cpu else 1
        self._pool: ThreadPoolExecutor | None = None
        if self._threads > 1:
            # torch counts its own threads per thread that calls it; with one each, ours do not fight over the cores.
            self._pool = ThreadPoolExecutor(self._threads, "search", torch.set_num_threads, (1,))

    def close(self) -> None:
        """Let the threads go; frames that none has begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, frames: Iterable[Frame], findings: Findings) -> Generator[tuple[Frame, Detections], None, None]:
        """Yield each frame with its faces.

        Args:
            frames: of one video, in order.
            findings: what an earlier, broken run found already; those frames are not searched again, and what is
                found now is added, and saved if the iterator is closed before its end.

        Raises:
            BrokenVideoError: as `frames` does, after everything before was yielded.
            StorageError: the findings cannot be written.
        """
        ahead: deque[tuple[list[Frame], Future[list[Detections]]]] = deque()
        trouble: BrokenVideoError | None = None
        batches = _batches(frames, self._batch_size)
        try:
            while True:
                try:
                    batch = next(batches, None)
                except BrokenVideoError as error:
                    trouble, batch = error, None
                if batch is not None:
                    ahead.append((batch, self._begin(batch, findings)))
                if not ahead:
                    break
                # One frame more than there are threads waits, so that no thread ever does.
                if batch is None or len(ahead) > (self._threads if self._pool else 0):
                    searched, future = ahead.popleft()
                    for frame, found in zip(searched, future.result(), strict=True):
                        findings.add(frame.index, found)
                        yield frame, found
        except (GeneratorExit, KeyboardInterrupt, Interrupted):
            findings.save()
            raise
        finally:
            for _, future in ahead:
                future.cancel()
        if trouble is not None:
            raise trouble

    def _begin(self, batch: list[Frame], findings: Findings) -> Future[list[Detections]]:
        known = [findings.known(frame.index) for frame in batch]
        found = [detections for detections in known if detections is not None]
        if len(found) < len(batch) and self._pool is not None:
            return self._pool.submit(self.detector.detect, [frame.rgb for frame in batch])
        future: Future[list[Detections]] = Future()
        future.set_result(found if len(found) == len(batch) else self.detector.detect([frame.rgb for frame in batch]))
        return future


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Yield lists of up to `size` frames; frames decoded before an error come out before it does."""
    batch: list[Frame] = []
    try:
        for frame in frames:
            batch.append(frame)
            if len(batch) == size:
                yield batch
                batch = []
    except BrokenVideoError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
