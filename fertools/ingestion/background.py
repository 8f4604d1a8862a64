"""Threads that search frames, work that begins when other work is done, and a background thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

from fertools.core.device import set_torch_threads

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


class Threads:
    """Does work in threads, in the order in which it can be begun.

    Args:
        count: of threads; with one, the caller's own does all, at once.
    """

    def __init__(self, count: int) -> None:
        # torch counts its own threads per thread that calls it; with one each, ours do not fight over the cores.
        self._pool = ThreadPoolExecutor(count, "search", set_torch_threads, (1,)) if count > 1 else None

    def close(self) -> None:
        """Let the threads go; work that none has begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, work: Callable[..., _Result], *arguments: object) -> Future[_Result]:
        """Have some work done."""
        if self._pool is not None:
            return self._pool.submit(work, *arguments)
        done: Future[_Result] = Future()
        done.set_result(work(*arguments))
        return done

    def after(self, needed: Sequence[Future[_Given]], work: Callable[[list[_Given]], _Result]) -> Future[_Result]:
        """Have some work done with the results of other work, of which there is one at least.

        What goes wrong there, or cancels it, is what the answer holds too.
        """
        if self._pool is None:
            return self.submit(work, [one.result() for one in needed])
        answer: Future[_Result] = Future()
        left = _Countdown(len(needed))
        # Futures keep what is called when they are done; taken out of here, the work can be forgotten before they are.
        waiting = [(work, needed)]

        def finish(work: Callable[[list[_Given]], _Result], needed: Sequence[Future[_Given]]) -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(work([one.result() for one in needed]))
                except BaseException as error:
                    answer.set_exception(error)

        def one_more(_: Future[_Given]) -> None:
            # Futures swallow what is raised here, and it may be the user's Ctrl-C.
            try:
                if left.is_last():
                    work, needed = waiting.pop()
                    if any(one.cancelled() for one in needed):
                        # The threads are on their way out and take nothing more.
                        answer.cancel()
                    else:
                        self.submit(finish, work, needed)
            except BaseException as error:
                answer.set_exception(error)

        for one in needed:
            one.add_done_callback(one_more)
        return answer


class _Countdown:
    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = Lock()

    def is_last(self) -> bool:
        with self._lock:
            self._left -= 1
            return not self._left


class BackgroundWriter(Generic[_Result]):
    """Has one thread do pieces of work, and gives what comes of them in the order in which they were begun.

    Args:
        waiting: how many pieces may wait to be done; with 0 the caller's own thread does each at once.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._pool = ThreadPoolExecutor(1, "background") if waiting else None
        self._begun: deque[Future[_Result]] = deque()

    def push(self, work: Callable[..., _Result], *arguments: object) -> Iterator[_Result]:
        """Have some work done, and yield what is done; what went wrong in a piece is raised in its place."""
        if self._pool is None:
            yield work(*arguments)
            return
        self._begun.append(self._pool.submit(work, *arguments))
        while self._begun and (len(self._begun) > self._waiting or self._begun[0].done()):
            yield self._begun.popleft().result()

    def flush(self) -> Iterator[_Result]:
        """Wait for all that was begun, and yield it."""
        while self._begun:
            yield self._begun.popleft().result()

    def close(self) -> None:
        """Let the thread go; what it has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
