"""The frames of a video with the faces in them, in order, while other threads already search what follows.

Searching a frame costs some fifty times more than decoding it, so one thread decodes, follows and writes crops, and
the others search one frame each. That beats several threads on one frame: the networks are small, and most of their
layers are too short to be worth parting. It gives the same numbers whatever the number of threads.

With propagation, only the first frame of each block is searched in full. Faces are propagated through the block from
it and from the first frame of the next (`fertools.faces.propagation`). Blocks are counted from the first frame, so
they are the same for every number of threads and after every stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fertools.core.device import device_type
from fertools.core.errors import Interrupted
from fertools.faces.detection.detections import Detections, FrameSearch
from fertools.faces.detection.detector import Detector, LocalSearch
from fertools.faces.propagation import propagate
from fertools.ingestion.background import Threads
from fertools.ingestion.detection_cache import DetectionCache
from fertools.sources.videos import BrokenVideoError, Frame

_Found = Future[list[Detections]]
_Searched = Future[list[FrameSearch]]
_Unit = tuple[list[Frame], _Found]
"""Frames, and what will be found in each of them."""

LONGEST_BLOCK, SHORTEST_BLOCK = 16, 4
"""Two thirds of a second, so that nobody who is worth a face comes and goes unseen; and the least that saves much."""
_BLOCK_PIXELS = 100_000_000
"""300 MB of pictures: 12 frames of 4K."""


class Search:
    """Searches frames in threads.

    Args:
        detector: finds the faces.
        threads: how many frames of a video are searched at a time on a CPU; a GPU gets one call after another.
        batch_size: frames per call on a GPU.
        exhaustive: search every frame in full. Without it, one frame of each block is searched in full and faces are
            propagated in between, if the detector has a local search.
    """

    def __init__(self, detector: Detector, threads: int = 1, batch_size: int = 1, *, exhaustive: bool = False) -> None:
        self.detector = detector
        self._local = None if exhaustive else detector.local_search
        on_cpu = device_type(detector.device) == "cpu"
        self._batch_size = 1 if on_cpu else batch_size
        self._threads = threads if on_cpu else 1
        self._pool = Threads(self._threads)

    def close(self) -> None:
        """Let the threads go; frames that none has begun are dropped."""
        self._pool.close()

    def run(self, frames: Iterable[Frame], cache: DetectionCache) -> Generator[tuple[Frame, Detections], None, None]:
        """Yield each frame with its faces.

        Args:
            frames: of one video, in order.
            cache: what an earlier, broken run found already; those frames are not searched again, and what is
                found now is added, and saved if the iterator is closed before its end.

        Raises:
            BrokenVideoError: as `frames` does, after everything before was yielded.
            StorageError: the cache cannot be written.
        """
        ahead: deque[_Unit] = deque()
        broken: BrokenVideoError | None = None
        local = self._local
        units = self._batches(frames, cache) if local is None else self._blocks(local, frames, cache)
        try:
            while True:
                try:
                    unit = next(units, None)
                except BrokenVideoError as error:
                    broken, unit = error, None
                if unit is not None:
                    ahead.append(unit)
                if not ahead:
                    break
                # One unit more than there are threads waits, so that no thread ever does.
                if unit is None or len(ahead) > (self._threads if self._threads > 1 else 0):
                    searched, future = ahead.popleft()
                    for found in future.result():
                        # Out of the list, so that a frame is gone when its caller is through with it.
                        frame = searched.pop(0)
                        cache.add(frame.index, found)
                        yield frame, found
        except (GeneratorExit, KeyboardInterrupt, Interrupted):
            cache.save()
            raise
        finally:
            for _, future in ahead:
                future.cancel()
        if broken is not None:
            raise broken

    def _batches(self, frames: Iterable[Frame], cache: DetectionCache) -> Iterator[_Unit]:
        """Yield frames, each searched in full."""
        for batch in _lists(frames, self._batch_size):
            known = _known(batch, cache)
            yield batch, known or self._pool.submit(self.detector.detect, [frame.rgb for frame in batch])

    def _blocks(self, local: LocalSearch, frames: Iterable[Frame], cache: DetectionCache) -> Iterator[_Unit]:
        """Yield blocks of frames that are followed through from both sides."""
        block: list[Frame] = []
        broken: BrokenVideoError | None = None
        begin: _Searched | None = None
        try:
            for frame in frames:
                if block and frame.rgb.shape != block[0].rgb.shape:
                    # Places in a frame say nothing about one of another size, so the block ends before it.
                    yield from self._rest(local, block, begin, cache)
                    block, begin = [], None
                block.append(frame)
                if len(block) > _block_length(block[0]):
                    unit, begin = self._propagate_block(local, block, begin, cache)
                    yield unit
                    block = block[-1:]
        except BrokenVideoError as error:
            broken = error
        yield from self._rest(local, block, begin, cache)
        if broken is not None:
            raise broken

    def _rest(
        self, local: LocalSearch, block: list[Frame], begin: _Searched | None, cache: DetectionCache
    ) -> Iterator[_Unit]:
        """Yield what is left of a block that no other follows: all frames but the last, and that one."""
        if len(block) > 1:
            unit, begin = self._propagate_block(local, block, begin, cache)
            yield unit
        if block:
            last = block[-1:]
            yield last, _known(last, cache) or self._pool.after([begin or self._search(local, last[0])], _faces_of)

    def _propagate_block(
        self, local: LocalSearch, block: list[Frame], begin: _Searched | None, cache: DetectionCache
    ) -> tuple[_Unit, _Searched | None]:
        """Return all frames of a block but the last with what will be found in them, and the search of the last.

        The first and the last are searched in full, unless an earlier run was through with the block.
        """
        if (known := _known(block[:-1], cache)) is not None:
            return (block[:-1], known), None
        first, last = begin or self._search(local, block[0]), self._search(local, block[-1])
        run = partial(_propagate_faces, local, [frame.rgb for frame in block])
        return (block[:-1], self._pool.after([first, last], run)), last

    def _search(self, local: LocalSearch, frame: Frame) -> _Searched:
        return self._pool.submit(local.search, [frame.rgb])


def _propagate_faces(
    local: LocalSearch, pictures: list[NDArray[np.uint8]], results: list[list[FrameSearch]]
) -> list[Detections]:
    (first,), (last,) = results
    return [first.faces, *propagate(local, pictures, first, last)]


def _faces_of(results: list[list[FrameSearch]]) -> list[Detections]:
    return [search.faces for (search,) in results]


def _known(frames: list[Frame], cache: DetectionCache) -> _Found | None:
    """Return what an earlier run found in all of `frames`; None if it did not get to one of them."""
    known = [found for frame in frames if (found := cache.known(frame.index)) is not None]
    if len(known) < len(frames):
        return None
    done: _Found = Future()
    done.set_result(known)
    return done


def _block_length(frame: Frame) -> int:
    """Return after how many frames of this size the next is searched in full: fewer where they are large to hold."""
    height, width = map(int, frame.rgb.shape[:2])
    return min(LONGEST_BLOCK, max(SHORTEST_BLOCK, _BLOCK_PIXELS // (height * width)))


def _lists(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
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
