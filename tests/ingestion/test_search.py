"""Frames come out in order with their own faces, whatever threads and broken files do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.faces.detection.detections import Detections, FrameSearch
from fertools.faces.detection.detector import LocalSearch
from fertools.ingestion.detection_cache import DetectionCache
from fertools.ingestion.search import LONGEST_BLOCK, SHORTEST_BLOCK, Search, _block_length
from fertools.sources.videos import BrokenVideoError, Frame
from tests.ingestion.fake_detector import FakeDetector


class Slow(FakeDetector):
    """Finds in a picture as many faces as its first pixel says, the sooner the later the picture."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self.calls: list[int] = []
        self.threads: set[str] = set()

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        self.calls.append(len(frames))
        self.threads.add(threading.current_thread().name)
        time.sleep(0.002 * (9 - int(frames[0][0, 0, 0])))
        return [_some(int(frame[0, 0, 0])) for frame in frames]


def _some(count: int) -> Detections:
    rng = np.random.default_rng(count)
    return Detections(*(rng.random((count, *shape), dtype=np.float32) for shape in ((4,), (), (5, 2))))


def _frames(count: int, broken_after: int | None = None) -> Iterator[Frame]:
    for index in range(count):
        if index == broken_after:
            raise BrokenVideoError("decoding stopped")
        yield Frame(index, index / 25, np.full((2, 2, 3), index % 10, dtype=np.uint8))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 10])
def test_every_frame_comes_in_order_with_its_own_faces(tmp_path: Path, threads: int, count: int) -> None:
    search = Search(Slow(), threads)
    found = list(search.run(_frames(count), DetectionCache(tmp_path, "a")))
    search.close()
    assert [(frame.index, len(faces)) for frame, faces in found] == [(index, index % 10) for index in range(count)]


def test_threads_search_side_by_side(tmp_path: Path) -> None:
    detector = Slow()
    search = Search(detector, threads=3)
    list(search.run(_frames(10), DetectionCache(tmp_path, "a")))
    search.close()
    assert len(detector.threads) > 1
    assert threading.current_thread().name not in detector.threads


def test_a_gpu_gets_batches(tmp_path: Path) -> None:
    detector = Slow("meta")
    found = list(Search(detector, threads=3, batch_size=4).run(_frames(10), DetectionCache(tmp_path, "a")))
    assert detector.calls == [4, 4, 2]
    assert [frame.index for frame, _ in found] == list(range(10))


@pytest.mark.parametrize(("device", "threads"), [("cpu", 1), ("cpu", 3), ("meta", 1)])
def test_frames_before_damage_come_out_before_the_error(tmp_path: Path, device: str, threads: int) -> None:
    search = Search(Slow(device), threads, batch_size=4)
    found = search.run(_frames(10, broken_after=6), DetectionCache(tmp_path, "a"))
    assert [next(found)[0].index for _ in range(6)] == list(range(6))
    with pytest.raises(BrokenVideoError):
        next(found)
    search.close()


def test_an_error_of_a_thread_reaches_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Slow, frames: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        raise MemoryError

    monkeypatch.setattr(Slow, "detect", fail)
    search = Search(Slow(), threads=2)
    with pytest.raises(MemoryError):
        list(search.run(_frames(3), DetectionCache(tmp_path, "a")))
    search.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_found_before_is_not_searched_again(tmp_path: Path, threads: int) -> None:
    first, again = Slow(), Slow()
    search = Search(first, threads)
    begun = search.run(_frames(10), DetectionCache(tmp_path, "a"))
    before = [next(begun) for _ in range(6)]
    begun.close()  # as an interrupt does
    search.close()
    search = Search(again, threads)
    after = list(search.run(_frames(10), DetectionCache(tmp_path, "a")))
    search.close()
    assert sum(again.calls) == 4
    assert [frame.index for frame, _ in after] == list(range(10))
    for (_, one), (_, other) in zip(before, after, strict=False):
        assert one.boxes.tobytes() == other.boxes.tobytes()
        assert one.scores.tobytes() == other.scores.tobytes()
        assert one.landmarks.tobytes() == other.landmarks.tobytes()


class Walking(FakeDetector):
    """Finds one face that walks to the right: anywhere in full, and where it is expected."""

    def __init__(self) -> None:
        super().__init__()
        self.searched: list[int] = []

    @property
    def local_search(self) -> LocalSearch:
        return self

    def search(self, frames: Sequence[NDArray[np.uint8]]) -> list[FrameSearch]:
        self.searched += [int(frame[0, 0, 0]) for frame in frames]
        return [FrameSearch(_at(int(frame[0, 0, 0])), np.zeros((0, 4), np.float32)) for frame in frames]

    def detect_near(
        self, frames: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
    ) -> list[Detections]:
        return [_at(int(frame[0, 0, 0])) for frame in frames]


def _at(index: int) -> Detections:
    box = np.array([[10 + index, 10, 50 + index, 60]], np.float32)
    return Detections(box, np.ones(1, np.float32), np.full((1, 5, 2), index, np.float32))


def _walk(count: int, broken_after: int | None = None) -> Iterator[Frame]:
    for index in range(count):
        if index == broken_after:
            raise BrokenVideoError("decoding stopped")
        yield Frame(index, index / 25, np.full((80, 120, 3), index, dtype=np.uint8))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("count", "searched"), [(0, []), (1, [0]), (2, [0, 1]), (16, [0, 15]), (17, [0, 16]), (40, [0, 16, 32, 39])]
)
def test_following_searches_the_ends_of_blocks_alone(
    tmp_path: Path, threads: int, count: int, searched: list[int]
) -> None:
    detector = Walking()
    search = Search(detector, threads)
    found = list(search.run(_walk(count), DetectionCache(tmp_path, "a")))
    search.close()
    assert sorted(detector.searched) == searched
    assert [frame.index for frame, _ in found] == list(range(count))
    assert [faces.landmarks[0, 0, 0] for _, faces in found] == list(range(count))


def test_following_gives_what_came_before_damage(tmp_path: Path) -> None:
    search = Search(Walking())
    found = search.run(_walk(40, broken_after=21), DetectionCache(tmp_path, "a"))
    assert [next(found)[0].index for _ in range(21)] == list(range(21))
    with pytest.raises(BrokenVideoError):
        next(found)


@pytest.mark.parametrize("stopped_after", [5, 16, 25])
def test_following_goes_on_with_what_was_found(tmp_path: Path, stopped_after: int) -> None:
    begun = Search(Walking()).run(_walk(40), DetectionCache(tmp_path, "a"))
    for _ in range(stopped_after):
        next(begun)
    begun.close()
    again = Walking()
    found = list(Search(again).run(_walk(40), DetectionCache(tmp_path, "a")))
    assert [faces.landmarks[0, 0, 0] for _, faces in found] == list(range(40))
    # The block under way is done again, whole blocks before it are not.
    assert 0 not in again.searched or stopped_after < 16
    assert len(again.searched) <= 4


def test_large_frames_come_in_shorter_blocks() -> None:
    small, large = (Frame(0, 0.0, np.zeros(shape, np.uint8)) for shape in ((360, 640, 3), (2160, 3840, 3)))
    assert _block_length(small) == LONGEST_BLOCK
    assert SHORTEST_BLOCK <= _block_length(large) < LONGEST_BLOCK
