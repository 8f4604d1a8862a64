"""Worker threads for the search, and one background thread for writing."""

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
    """A pool of threads for the search.

    Args:
        count: number of threads. With one, the calling thread does all work at once.
    """

    def __init__(self, count: int) -> None:
        # torch has its own threads for each calling thread. With one each, the two pools do not compete for cores.
        self._pool = ThreadPoolExecutor(count, "search", set_torch_threads, (1,)) if count > 1 else None

    def close(self) -> None:
        """End the threads and drop work that has not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, work: Callable[..., _Result], *arguments: object) -> Future[_Result]:
        """Run `work` with its arguments and return the future of its result."""
        if self._pool is not None:
            return self._pool.submit(work, *arguments)
        done: Future[_Result] = Future()
        done.set_result(work(*arguments))
        return done

    def after(self, needed: Sequence[Future[_Given]], work: Callable[[list[_Given]], _Result]) -> Future[_Result]:
        """Run `work` on the results of other work, as soon as these are ready.

        An error or a cancellation of the other work becomes the result of this one.

        Args:
            needed: futures of the other work, one at least.
            work: called with the list of their results.
        """
        if self._pool is None:
            return self.submit(work, [one.result() for one in needed])
        answer: Future[_Result] = Future()
        left = _Countdown(len(needed))
        # Futures keep their callbacks after they are done. Taken out of this list, the work can be freed earlier.
        waiting = [(work, needed)]

        def finish(work: Callable[[list[_Given]], _Result], needed: Sequence[Future[_Given]]) -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(work([one.result() for one in needed]))
                except BaseException as error:
                    answer.set_exception(error)

        def one_more(_: Future[_Given]) -> None:
            # Futures swallow errors of callbacks, and this may be the user's Ctrl-C.
            try:
                if left.is_last():
                    work, needed = waiting.pop()
                    if any(one.cancelled() for one in needed):
                        # The pool is closing and accepts no more work.
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
    """One thread that runs pieces of work and returns their results in the order of submission.

    Args:
        waiting: number of pieces that may wait. With 0, the calling thread runs each piece at once.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._pool = ThreadPoolExecutor(1, "background") if waiting else None
        self._begun: deque[Future[_Result]] = deque()

    def push(self, work: Callable[..., _Result], *arguments: object) -> Iterator[_Result]:
        """Submit a piece of work and yield the results that are ready; an error is raised in its place."""
        if self._pool is None:
            yield work(*arguments)
            return
        self._begun.append(self._pool.submit(work, *arguments))
        while self._begun and (len(self._begun) > self._waiting or self._begun[0].done()):
            yield self._begun.popleft().result()

    def flush(self) -> Iterator[_Result]:
        """Wait for all submitted work and yield the results."""
        while self._begun:
            yield self._begun.popleft().result()

    def close(self) -> None:
        """End the thread and drop work that has not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
