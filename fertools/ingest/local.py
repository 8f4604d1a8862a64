"""The local engine: items of work over processes of this machine.

A worker takes one item, commits its part and says what came out. A worker that dies (out of memory, a crash in
a decoder) takes nothing with it: its item is tried once more alone, and if it kills again, its sources are
recorded as failed and the rest goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import cv2
import torch

from fertools.core.workspace import Workspace
from fertools.faces.cascade import Detector
from fertools.ingest.extract import Extracted, Extractor, flush_crops, source_row
from fertools.ingest.options import IngestOptions
from fertools.ingest.plan import Item
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES


@dataclass(frozen=True)
class Outcome:
    """What came out of one source."""

    name: str
    status: str
    reason: str | None
    frames: int
    faces: int


def work(workspace: Workspace, options: IngestOptions, device: str, items: Sequence[Item]) -> Iterator[list[Outcome]]:
    """Do all items, in processes where that is worth it; yield the outcomes of each as it is committed.

    Args:
        workspace: where parts and crops go.
        options: how.
        device: a torch device; on a GPU one process does all the work.
        items: what to do, in order.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    workers = options.worker_count(len(items)) if device == "cpu" else 1
    threads = max(1, (os.cpu_count() or 1) // workers)
    if workers == 1:
        _begin(workspace, options, device, threads)
        for item in items:
            yield _do(item)
    else:
        yield from _in_processes(workspace, options, device, items, workers, threads)


def _in_processes(
    workspace: Workspace, options: IngestOptions, device: str, items: Sequence[Item], workers: int, threads: int
) -> Iterator[list[Outcome]]:
    todo = deque(items)
    suspects: list[Item] = []
    while todo:
        with _Pool(workspace, options, device, workers, threads) as pool:
            yield from _drain(pool, todo, suspects, 2 * workers)
    for item in suspects:
        with _Pool(workspace, options, device, 1, threads) as pool:
            try:
                yield pool.submit(_do, item).result()
            except BrokenProcessPool:
                yield record_failed(workspace, options, item, "the worker process died twice on it")


def _drain(pool: ProcessPoolExecutor, todo: deque[Item], suspects: list[Item], depth: int) -> Iterator[list[Outcome]]:
    """Feed `todo` to the pool; when a worker dies, whatever was under way becomes a suspect."""
    running: dict[Future[list[Outcome]], Item] = {}
    while todo or running:
        try:
            while todo and len(running) < depth:
                running[pool.submit(_do, todo[0])] = todo[0]
                todo.popleft()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                del running[future]
                yield outcome
        except BrokenProcessPool:
            suspects += running.values()
            return


class _Pool(ProcessPoolExecutor):
    """Worker processes that end at once, not after their item, when the block is left by an error."""

    def __init__(self, workspace: Workspace, options: IngestOptions, device: str, workers: int, threads: int) -> None:
        # Forked copies of a process that has begun torch's threads can hang; fresh ones cannot.
        context = multiprocessing.get_context("spawn")
        super().__init__(workers, context, initializer=_begin_worker, initargs=(workspace, options, device, threads))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            for process in list((self._processes or {}).values()):
                process.terminate()
        self.shutdown(wait=True, cancel_futures=True)


_extractor: Extractor | None = None
"""The extractor of this process: networks are loaded once, not once per item."""


def _begin_worker(workspace: Workspace, options: IngestOptions, device: str, threads: int) -> None:
    # Ctrl-C reaches every process of the terminal; the first process decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _begin(workspace, options, device, threads)


def _begin(workspace: Workspace, options: IngestOptions, device: str, threads: int) -> None:
    global _extractor
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    detector = Detector(min_face=options.min_face, device=device)
    _extractor = Extractor(workspace, options, detector, threads)


def _do(item: Item) -> list[Outcome]:
    """Do one item in this process and commit its part."""
    if _extractor is None:
        raise RuntimeError("the worker was not begun")
    extracted = [_extractor.extract(source) for source in item.sources]
    return commit(_extractor.workspace, item.name, extracted)


def record_failed(workspace: Workspace, options: IngestOptions, item: Item, reason: str) -> list[Outcome]:
    """Commit a part that says that every source of `item` failed."""
    rows = [source_row(replace(source, status="failed", reason=reason), options) for source in item.sources]
    return commit(workspace, item.name, [Extracted(row) for row in rows])


def commit(workspace: Workspace, name: str, extracted: list[Extracted]) -> list[Outcome]:
    """Add what was extracted to the workspace as the part `name`."""
    flush_crops()
    faces = FACES.table([face for one in extracted for face in one.faces])
    sources = SOURCES.table([one.source for one in extracted])
    store.commit_part(workspace, name, faces, sources)
    return [
        Outcome(
            name=one.source["path"],
            status=one.source["status"],
            reason=one.source["reason"],
            frames=one.source.get("frames_searched") or 0,
            faces=len(one.faces),
        )
        for one in extracted
    ]
