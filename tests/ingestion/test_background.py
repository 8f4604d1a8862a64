"""Work that waits for other work holds no thread, forgets what it was given, and passes on what goes wrong."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future

import pytest

from fertools.ingestion.background import BackgroundWriter, Threads

WAIT_S = 30.0


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[Threads]:
    threads = Threads(request.param)
    yield threads
    threads.close()


def test_it_gets_the_results_in_order(threads: Threads) -> None:
    needed = [threads.submit(lambda number: number * 2, number) for number in range(3)]
    assert threads.after(needed, lambda results: results).result(WAIT_S) == [0, 2, 4]


def test_what_goes_wrong_is_passed_on() -> None:
    threads = Threads(2)

    def fail() -> int:
        raise ValueError("what went wrong")

    try:
        with pytest.raises(ValueError, match="what went wrong"):
            threads.after([threads.submit(fail)], lambda results: results).result(WAIT_S)
        with pytest.raises(ValueError, match="what went wrong"):
            threads.after([threads.submit(int)], lambda results: fail()).result(WAIT_S)
    finally:
        threads.close()


def test_alone_it_raises_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        Threads(1).submit(lambda: 1 // 0)


def test_no_thread_waits() -> None:
    """With all threads but one busy, that one does what can be done, though other work was given before."""
    threads = Threads(2)
    go_on = threading.Event()
    try:
        slow = threads.submit(go_on.wait, WAIT_S)
        waiting = threads.after([slow], lambda results: results)
        assert threads.submit(lambda: "done").result(WAIT_S) == "done"
        assert not waiting.done()
        go_on.set()
        assert waiting.result(WAIT_S) == [True]
    finally:
        go_on.set()
        threads.close()


def test_what_it_was_given_is_forgotten_when_it_is_done() -> None:
    """The futures that it waited for may live on: as ends of blocks, they are the beginnings of the next."""

    class Frames:
        pass

    threads = Threads(2)
    try:
        search = threads.submit(int)
        frames = Frames()
        gone = weakref.ref(frames)
        answer = threads.after([search], lambda results, frames=frames: results)  # type: ignore[misc]
        del frames
        assert answer.result(WAIT_S) == [0]
        threads.submit(int).result(WAIT_S)
        threads.submit(int).result(WAIT_S)
        gc.collect()
        assert search.done()
        assert gone() is None
    finally:
        threads.close()


def test_closing_cancels_what_waits() -> None:
    threads = Threads(2)
    go_on, begun = threading.Event(), threading.Barrier(3)

    def hold() -> None:
        begun.wait(WAIT_S)
        go_on.wait(WAIT_S)

    running = [threads.submit(hold) for _ in range(2)]
    begun.wait(WAIT_S)
    queued = threads.submit(int)
    answer: Future[list[int]] = threads.after([queued], lambda results: results)
    closing = threading.Thread(target=threads.close)
    closing.start()
    try:
        with pytest.raises(CancelledError):
            answer.result(WAIT_S)
    finally:
        go_on.set()
        closing.join()
    assert all(one.done() for one in running)


@pytest.mark.parametrize("waiting", [0, 1, 3])
def test_what_comes_behind_comes_in_order(waiting: int) -> None:
    background: BackgroundWriter[int] = BackgroundWriter(waiting)
    come = [number for given in range(20) for number in background.push(lambda given: given * 2, given)]
    # No more than may wait are still out.
    assert len(come) >= 20 - waiting
    come += background.flush()
    assert come == [2 * given for given in range(20)]
    assert list(background.flush()) == []
    background.close()


def test_what_goes_wrong_behind_is_raised_in_its_place() -> None:
    background: BackgroundWriter[float] = BackgroundWriter(5)
    come: list[float] = []

    def divide() -> None:
        for divisor in (1, 2, 0, 4):
            come.extend(background.push(lambda divisor: 1 / divisor, divisor))
        come.extend(background.flush())

    with pytest.raises(ZeroDivisionError):
        divide()
    assert come == [1.0, 0.5]
    background.close()


def test_closing_drops_what_was_not_begun() -> None:
    background: BackgroundWriter[None] = BackgroundWriter(5)
    begun, go, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        go.wait(WAIT_S)

    list(background.push(work))
    list(background.push(lambda: done.append(1)))
    begun.wait(WAIT_S)
    threading.Timer(0.05, go.set).start()
    background.close()
    assert not done
