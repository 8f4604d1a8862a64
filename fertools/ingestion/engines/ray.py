"""The Ray engine: workers of a Ray cluster, whose machines see the workspace and the sources by the same paths.

Each worker is an actor that takes one item at a time. If it dies, that item is known, and the cluster starts a new
worker on any machine with room. A worker without progress is killed and handled in the same way. Results are files in
the workspace, so no result travels over the network.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError, RayError, WorkerCrashedError

from fertools.core.arguments import argument
from fertools.core.cluster import connected, own_errors, refuse_absent
from fertools.core.errors import DeviceError, InputError
from fertools.core.workspace import Workspace
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
from fertools.ingestion.record import refuse_other_engine
from fertools.ingestion.workload import Done

_DEATHS = (RayActorError, WorkerCrashedError, NodeDiedError, OutOfMemoryError)

State = tuple[Done, int]
"""The work that a worker has done, and the number of its heartbeats."""

_MAX_FAILED_STARTS = 3
"""Number of workers that may die one after another at their start before the cluster is blamed."""


def work(
    workspace: Workspace,
    options: IngestOptions,
    steps: Sequence[Step],
    device: str,
    items: Sequence[Item],
    watch: Watch,
) -> Outcomes:
    """Run all items on a Ray cluster.

    The arguments are those of `fertools.ingestion.engines.base.Engine`.
    All machines of the cluster see the workspace by the same path. If `workers` is None, there is one per processor of
    the cluster, or per GPU. `device` may be `auto` for GPUs if the cluster has any.

    Raises:
        InputError: there is no cluster at the address, or its machines do not see the workspace.
        DeviceError: the cluster has no such device.
        StorageError: the disk is full or cannot be written.
    """
    if not items:
        return
    with connected(options.ray_address):
        resources = ray.cluster_resources()
        device = _choose_device(device, resources)
        there = int(resources.get("GPU" if device == "cuda" else "CPU", 1))
        pool = _WorkerPool(workspace, options, steps, device, watch)
        try:
            with own_errors():
                yield from pool.do(items, max(1, min(options.workers or there, len(items))))
        finally:
            pool.terminate()


def _choose_device(wanted: str, resources: dict[str, float]) -> str:
    gpus = resources.get("GPU", 0) >= 1
    if wanted == "auto":
        return "cuda" if gpus else "cpu"
    if wanted not in ("cpu", "cuda"):
        raise DeviceError(
            f"{argument('device')} {wanted} is one of a single machine; with {argument('engine')} ray give auto, "
            "cpu or cuda"
        )
    if wanted == "cuda" and not gpus:
        raise DeviceError(f"{argument('device')} cuda is on no machine of the Ray cluster; there is cpu, or take auto")
    return wanted


class Worker:
    """A worker on the cluster. Its methods are called remotely, `state` while `do` runs."""

    def __init__(self) -> None:
        self._extractor: Extractor | None = None
        self._done, self._heartbeats = Done(), 0

    def begin(self, workspace: Workspace, options: IngestOptions, steps: Sequence[Step], device: str) -> None:
        """Load the networks.

        Raises:
            InputError: the workspace is not on this machine.
        """
        refuse_absent(workspace.settings_path)
        self._extractor = make_extractor(workspace, options, steps, device, 1, self._tick, self._heartbeat)
        refuse_other_engine(workspace, self._extractor.search.detector, os.uname().nodename)

    def do(self, item: Item) -> tuple[list[Outcome], State]:
        """Run one item and commit its part; return its outcomes and the state of this worker."""
        if self._extractor is None:
            raise RuntimeError("the worker was not begun")
        return extract_and_commit(self._extractor, item), self.state()

    def state(self) -> State:
        """Return the work that this worker has done, and the number of its heartbeats."""
        return self._done, self._heartbeats

    def _tick(self, done: Done) -> None:
        self._done += done
        self._heartbeat()

    def _heartbeat(self) -> None:
        self._heartbeats += 1


@dataclass(eq=False)
class _WorkerHandle:
    """A worker as the first process sees it.

    Attributes:
        actor: handle of the Ray actor.
        item: the item under way; None before the worker has begun, and while it is idle.
        asked: future of the state that was requested and not received yet.
        state: latest state.
        moved_s: time of the latest change of state.
        hung: whether the worker was killed, because its state did not change for too long.
    """

    actor: Any
    item: Item | None = None
    asked: Any = None
    state: State = (Done(), 0)
    moved_s: float = 0.0
    hung: bool = False


class _WorkerPool:
    """The workers and their items."""

    def __init__(
        self, workspace: Workspace, options: IngestOptions, steps: Sequence[Step], device: str, watch: Watch
    ) -> None:
        self._workspace, self._options, self._steps = workspace, options, steps
        self._device, self._watch = device, watch
        self._waiting: dict[Any, _WorkerHandle] = {}
        self._idle: list[_WorkerHandle] = []
        self._before = Done()
        self._failed_starts = 0

    def do(self, items: Sequence[Item], workers: int) -> Outcomes:
        """Run all items; items that lost their worker run again at the end, each source by itself."""
        todo, tried = deque(items), set[str]()
        for _ in range(workers):
            self._start_worker()
        while todo or any(worker.item for worker in self._waiting.values()):
            while todo and self._idle:
                self._assign(self._idle.pop(), todo.popleft())
            done, _ = ray.wait(list(self._waiting), timeout=WATCH_INTERVAL_S)
            self._poll()
            for answer in done:
                worker = self._waiting.pop(answer)
                item, worker.item = worker.item, None
                try:
                    result = ray.get(answer)
                except _DEATHS:
                    self._replace(worker, begun=item is not None)
                    if item is None:
                        continue
                    if item.name in tried:
                        reason = worker_loss_reason(self._options, hung=worker.hung)
                        yield record_failed(self._workspace, self._options, item, reason)
                        continue
                    todo.extend(again := split_item(item))
                    tried.update(one.name for one in again)
                    continue
                self._failed_starts = 0
                self._idle.append(worker)
                if item is not None:
                    outcomes, worker.state = result
                    yield outcomes

    def terminate(self) -> None:
        """End all workers at once."""
        for worker in {*self._waiting.values(), *self._idle}:
            ray.kill(worker.actor)

    def _start_worker(self) -> None:
        gpus = 1 if self._device == "cuda" else 0
        # Two methods can run at once: one works, the other reports the state.
        actor = ray.remote(Worker).options(num_cpus=1, num_gpus=gpus, max_concurrency=2, max_restarts=0).remote()
        begun = actor.begin.remote(self._workspace, self._options, self._steps, self._device)
        self._waiting[begun] = _WorkerHandle(actor)

    def _replace(self, worker: _WorkerHandle, *, begun: bool) -> None:
        """Start a worker in place of a dead one; it may have to wait until the cluster has room."""
        self._before += worker.state[0]
        self._failed_starts += not begun
        if self._failed_starts > _MAX_FAILED_STARTS:
            raise InputError(
                "the workers of the Ray cluster die as they begin; look into Ray's logs of them for the reason, "
                "such as too little memory"
            )
        self._start_worker()

    def _assign(self, worker: _WorkerHandle, item: Item) -> None:
        worker.item, worker.moved_s = item, time.monotonic()
        self._waiting[worker.actor.do.remote(item)] = worker

    def _poll(self) -> None:
        """Read the states of the workers, and kill those that work without progress."""
        now_s = time.monotonic()
        workers = [*self._waiting.values(), *self._idle]
        for worker in self._waiting.values():
            if worker.item is None:
                continue
            if worker.asked is None:
                worker.asked = worker.actor.state.remote()
            elif ray.wait([worker.asked], timeout=0)[0]:
                # The future of the item reports the death of a worker.
                with suppress(RayError):
                    if (state := ray.get(worker.asked)) != worker.state:
                        worker.state, worker.moved_s = state, now_s
                worker.asked = None
            if now_s - worker.moved_s > self._options.stall_s and not worker.hung:
                worker.hung = True
                ray.kill(worker.actor)
        self._watch(sum((worker.state[0] for worker in workers), self._before))
