"""Search the frames of a video in order, with several threads.

Searching a frame takes about fifty times as long as decoding it. So one thread decodes, propagates and writes crops,
and each of the others searches one frame. That is faster than several threads on one frame, because most layers of the
small networks are too short to split. The numbers do not depend on the number of threads.

With propagation, only the first frame of each block is searched in full. Faces are propagated through the block from
its first frame and from the first frame of the next block (`fertools.faces.propagation`). Blocks are counted from the
first frame, so they are the same for every number of threads and after every stop.
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
"""Frames, and the future of their detections."""

LONGEST_BLOCK, SHORTEST_BLOCK = 16, 4
"""Block lengths in frames. The longest lasts two thirds of a second, so no lasting face is missed; the shortest still
saves time."""
_BLOCK_PIXELS = 100_000_000
"""300 MB of pictures, or 12 frames of 4K."""


class Search:
    """Searches frames in threads.

    Args:
        detector: detector of the faces.
        threads: number of frames of a video searched at a time on a CPU; a GPU gets one call after another.
        batch_size: frames per call on a GPU.
        exhaustive: search every frame in full. Otherwise, if the detector has a local search, one frame of each block
            is searched in full, and faces are propagated to the other frames.
    """

    def __init__(self, detector: Detector, threads: int = 1, batch_size: int = 1, *, exhaustive: bool = False) -> None:
        self.detector = detector
        self._local = None if exhaustive else detector.local_search
        on_cpu = device_type(detector.device) == "cpu"
        self._batch_size = 1 if on_cpu else batch_size
        self._threads = threads if on_cpu else 1
        self._pool = Threads(self._threads)

    def close(self) -> None:
        """End the threads and drop frames whose search has not begun."""
        self._pool.close()

    def run(self, frames: Iterable[Frame], cache: DetectionCache) -> Generator[tuple[Frame, Detections], None, None]:
        """Yield each frame with its faces.

        Args:
            frames: frames of one video, in order.
            cache: detections of an earlier, broken run, whose frames are not searched again. New detections are added,
                and saved if the iterator is closed before its end.

        Raises:
            BrokenVideoError: from `frames`, after all earlier frames were yielded.
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
                # One more unit than threads waits, so no thread is ever idle.
                if unit is None or len(ahead) > (self._threads if self._threads > 1 else 0):
                    searched, future = ahead.popleft()
                    for found in future.result():
                        # Removed from the list, so that a frame is freed when its caller is done with it.
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
        """Yield batches of frames, all searched in full."""
        for batch in _lists(frames, self._batch_size):
            known = _known(batch, cache)
            yield batch, known or self._pool.submit(self.detector.detect, [frame.rgb for frame in batch])

    def _blocks(self, local: LocalSearch, frames: Iterable[Frame], cache: DetectionCache) -> Iterator[_Unit]:
        """Yield blocks of frames, with faces propagated from both ends."""
        block: list[Frame] = []
        broken: BrokenVideoError | None = None
        begin: _Searched | None = None
        try:
            for frame in frames:
                if block and frame.rgb.shape != block[0].rgb.shape:
                    # Positions in a frame mean nothing in a frame of another size, so the block ends before it.
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
        """Yield the rest of the last block: all frames but the last, then the last."""
        if len(block) > 1:
            unit, begin = self._propagate_block(local, block, begin, cache)
            yield unit
        if block:
            last = block[-1:]
            yield last, _known(last, cache) or self._pool.after([begin or self._search(local, last[0])], _faces_of)

    def _propagate_block(
        self, local: LocalSearch, block: list[Frame], begin: _Searched | None, cache: DetectionCache
    ) -> tuple[_Unit, _Searched | None]:
        """Return all frames of a block but the last with their future detections, and the search of the last.

        The first and the last frame are searched in full, unless the cache has the whole block.
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
    """Return the cached detections of all `frames`; None if a frame is not in the cache."""
    known = [found for frame in frames if (found := cache.known(frame.index)) is not None]
    if len(known) < len(frames):
        return None
    done: _Found = Future()
    done.set_result(known)
    return done


def _block_length(frame: Frame) -> int:
    """Return the block length for this frame size; large frames take more memory, so their blocks are shorter."""
    height, width = map(int, frame.rgb.shape[:2])
    return min(LONGEST_BLOCK, max(SHORTEST_BLOCK, _BLOCK_PIXELS // (height * width)))


def _lists(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Yield lists of up to `size` frames; frames decoded before an error are yielded before it is raised."""
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
