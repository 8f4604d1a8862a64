"""The local engine: worker processes on this machine.

A worker takes one item, commits its part and returns the outcomes. A worker may die, because memory ran out or a
decoder crashed. Then the items under way are tried once more, source by source. A source that kills a second worker is
recorded as failed, and the others continue. A worker that hangs is killed and handled in the same way.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

import cv2

from fertools.core.device import set_torch_threads, spread
from fertools.core.processes import processors, worker_context
from fertools.core.workspace import Workspace
from fertools.ingestion.engines import WORKER_MODULES
from fertools.ingestion.engines.base import (
    WATCH_INTERVAL_S,
    Outcome,
    Outcomes,
    Watch,
    extract_and_commit,
    make_extractor,
    record_failed,
    split_item,
    worker_loss_reason,
)
from fertools.ingestion.extract import Extractor
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pipeline import Step
from fertools.ingestion.plan import Item
from fertools.ingestion.shared_progress import SharedProgress
from fertools.ingestion.workload import Done


def work(
    workspace: Workspace,
    options: IngestOptions,
    steps: Sequence[Step],
    device: str,
    items: Sequence[Item],
    watch: Watch,
) -> Outcomes:
    """Run all items, in worker processes if that is faster.

    The arguments are those of `fertools.ingestion.engines.base.Engine`.
    `device` is a torch device. On GPUs, each GPU has one process that does all work.
    """
    devices = spread(device)
    workers = options.worker_count(len(items)) if device == "cpu" else max(1, min(len(devices), len(items)))
    threads = -(-processors() // workers)
    # One worker process survives a source that kills it, so this process works itself only if one worker is wanted.
    if options.workers == 1 or len(items) <= 1:
        yield from _in_this_process(workspace, options, steps, device, items, threads, watch)
    else:
        yield from _WorkerPool(workspace, options, steps, devices, threads, watch).do(items, workers)


def _in_this_process(
    workspace: Workspace,
    options: IngestOptions,
    steps: Sequence[Step],
    device: str,
    items: Sequence[Item],
    threads: int,
    watch: Watch,
) -> Outcomes:
    total = Done()

    def tick(done: Done) -> None:
        nonlocal total
        total += done
        watch(total)

    # The caller may train in this process afterwards, with its former number of threads.
    before = set_torch_threads(1), cv2.getNumThreads()
    try:
        _begin(workspace, options, steps, device, threads, tick)
        for item in items:
            yield _do(item)
    finally:
        _end()
        set_torch_threads(before[0])
        cv2.setNumThreads(before[1])


class _WorkerPool:
    """A pool of worker processes; one that dies is replaced."""

    def __init__(
        self,
        workspace: Workspace,
        options: IngestOptions,
        steps: Sequence[Step],
        devices: list[str],
        threads: int,
        watch: Watch,
    ) -> None:
        self._context = worker_context(WORKER_MODULES)
        self._workspace, self._options, self._steps, self._watch = workspace, options, steps, watch
        self._devices, self._threads = devices, threads
        self._before = Done()
        self._progress = SharedProgress(self._context, 1)
        self._stopped: set[int] = set()

    def do(self, items: Sequence[Item], workers: int) -> Outcomes:
        """Run all items. Items that lost their worker run again at the end, each source in its own process."""
        todo = deque(items)
        suspects: list[Item] = []
        while todo:
            with self._pool(workers) as pool:
                yield from self._drain(pool, todo, suspects, 2 * workers)
        alone = deque(single for item in suspects for single in split_item(item))
        while alone:
            with self._pool(1) as pool:
                yield from self._drain_alone(pool, alone)

    def _pool(self, workers: int) -> _Executor:
        """Return new workers. Their progress is added to the progress of the earlier ones."""
        self._before = self._totals()
        self._progress = SharedProgress(self._context, workers)
        self._stopped = set()
        return _Executor(
            workers,
            self._context,
            (self._workspace, self._options, self._steps, self._devices, self._threads, self._progress),
        )

    def _totals(self) -> Done:
        return self._before + self._progress.totals()

    def _drain(self, pool: ProcessPoolExecutor, todo: deque[Item], suspects: list[Item], depth: int) -> Outcomes:
        """Submit `todo` to the pool; if a worker dies, all items under way become suspects."""
        running: dict[Future[list[Outcome]], Item] = {}
        while todo or running:
            try:
                while todo and len(running) < depth:
                    running[pool.submit(_do, todo[0])] = todo[0]
                    todo.popleft()
                for future in self._wait(running):
                    outcome = future.result()
                    del running[future]
                    yield outcome
            except BrokenProcessPool:
                suspects += running.values()
                return

    def _drain_alone(self, pool: ProcessPoolExecutor, todo: deque[Item]) -> Outcomes:
        """Run `todo` one item at a time; a source that kills its worker is recorded as failed."""
        while todo:
            item = todo.popleft()
            try:
                future = pool.submit(_do, item)
                while not self._wait({future: item}):
                    pass
                yield future.result()
            except BrokenProcessPool:
                reason = worker_loss_reason(self._options, hung=bool(self._stopped))
                yield record_failed(self._workspace, self._options, item, reason)
                return

    def _wait(self, running: dict[Future[list[Outcome]], Item]) -> set[Future[list[Outcome]]]:
        done, _ = wait(running, timeout=WATCH_INTERVAL_S, return_when=FIRST_COMPLETED)
        self._watch(self._totals())
        for process in self._progress.stalled(self._options.stall_s):
            # This breaks the pool, which is then handled as if the worker had died by itself.
            if process not in self._stopped:
                self._stopped.add(process)
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        return done


class _Executor(ProcessPoolExecutor):
    """Worker processes that end at once if an error leaves the block, instead of after their item."""

    def __init__(self, workers: int, context: Any, arguments: tuple[Any, ...]) -> None:
        super().__init__(workers, context, initializer=_begin_worker, initargs=arguments)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            for process in list((self._processes or {}).values()):
                process.terminate()
        self.shutdown(wait=True, cancel_futures=True)


_extractor: Extractor | None = None
"""The extractor of this process: networks are loaded once, not once per item."""


_progress: SharedProgress | None = None
"""The progress of this worker; None in the first process, which nobody watches."""


def _begin_worker(
    workspace: Workspace,
    options: IngestOptions,
    steps: Sequence[Step],
    devices: list[str],
    threads: int,
    progress: SharedProgress,
) -> None:
    global _progress
    # Ctrl-C reaches every process of the terminal; only the first process handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    device = devices[progress.join() % len(devices)]
    _progress = progress
    _begin(workspace, options, steps, device, threads, progress.tick, progress.heartbeat)


def _end_with_parent() -> None:
    """End this worker when the first process is killed; otherwise it would wait forever for work."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _begin(
    workspace: Workspace,
    options: IngestOptions,
    steps: Sequence[Step],
    device: str,
    threads: int,
    tick: Callable[[Done], None],
    heartbeat: Callable[[], None] = lambda: None,
) -> None:
    global _extractor
    _extractor = make_extractor(workspace, options, steps, device, threads, tick, heartbeat)


def _end() -> None:
    global _extractor
    if _extractor is not None:
        _extractor.search.close()
    _extractor = None


def _do(item: Item) -> list[Outcome]:
    """Run one item in this process and commit its part."""
    if _extractor is None:
        raise RuntimeError("the worker was not begun")
    try:
        return extract_and_commit(_extractor, item)
    finally:
        if _progress is not None:
            _progress.rest()
