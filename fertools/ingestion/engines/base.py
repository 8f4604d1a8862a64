"""The interface of an engine, which runs items of work and yields the outcomes of each committed item.

All engines run the code in this module on an item, so they commit the same parts with the same bytes. They differ in
where their workers are and in how they notice that a worker died. If a worker dies, its item is tried once more, source
by source. A source that kills a second worker is recorded as failed, and the others continue.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import cv2
import pyarrow as pa

from fertools.core.arguments import argument
from fertools.core.device import set_torch_threads
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.detection.registry import load_detector
from fertools.ingestion.detection_cache import drop_cache
from fertools.ingestion.extract import Extracted, Extractor, flush_crops, source_row
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pipeline import Step
from fertools.ingestion.plan import Item
from fertools.ingestion.search import Search
from fertools.ingestion.workload import Done
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.tombstones import read_tombstones
from fertools.sources.points import PointTable, read_points

Watch = Callable[[Done], None]
"""Called now and then with the total work done so far."""

WATCH_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """The outcome of one source; `trace` is the traceback of an error, which `--debug` shows."""

    name: str
    status: str
    reason: str | None
    trace: str | None = None


Outcomes = Generator[list[Outcome], None, None]
"""The outcomes of one item after another."""


class Engine(Protocol):
    """Runs all items and yields the outcomes of each committed item. If it is closed early, it stops all workers."""

    def __call__(
        self,
        workspace: Workspace,
        options: IngestOptions,
        steps: Sequence[Step],
        device: str,
        items: Sequence[Item],
        watch: Watch,
    ) -> Outcomes:
        """Run all items.

        Args:
            workspace: workspace for parts and crops.
            options: options of the ingest.
            steps: steps of the pipeline.
            device: device of the networks.
            items: items of work, in order.
            watch: called with the progress within items.

        Raises:
            StorageError: the disk is full or cannot be written.
        """


def choose_engine(name: str) -> Engine:
    """Return the engine called `name`, which is the module of that name in this package.

    Raises:
        InputError: it needs a package that is not installed.
    """
    if name == "ray" and importlib.util.find_spec("ray") is None:
        raise InputError(f"{argument('engine')} ray needs Ray; install it by: pip install 'fertools[ray]'")
    return cast(Engine, importlib.import_module(f"fertools.ingestion.engines.{name}").work)


def make_extractor(
    workspace: Workspace,
    options: IngestOptions,
    steps: Sequence[Step],
    device: str,
    threads: int,
    tick: Callable[[Done], None],
    heartbeat: Callable[[], None] = lambda: None,
) -> Extractor:
    """Return an extractor with its networks loaded; see `Extractor` for the arguments."""
    detector = load_detector(options.detector, options.detector_options(device))
    # Threads search several frames at a time, not one frame together (see `search`). By now the detector has imported
    # torch if it needs it.
    set_torch_threads(1)
    cv2.setNumThreads(1)
    search = Search(detector, threads, options.batch_size, exhaustive=options.exhaustive)
    points = read_points(options.landmarks) if options.landmarks else PointTable()
    tombstones = read_tombstones(workspace)
    return Extractor(workspace, options, search, steps, threads, points, tick, heartbeat, tombstones)


def extract_and_commit(extractor: Extractor, item: Item) -> list[Outcome]:
    """Run one item in this process and commit its part."""
    extracted = []
    for source in item.sources:
        extractor.heartbeat()
        extracted.append(extractor.extract(source))
        if source.kind == "image":
            extractor.tick(Done(pictures=1))
    outcomes = commit(extractor.workspace, item.name, extracted)
    for source in item.sources:
        drop_cache(extractor.workspace.parts, source.source_id)
    return outcomes


def split_item(item: Item) -> list[Item]:
    """Split an item of many pictures into items of one, so that a picture that kills a worker takes no other along."""
    return [Item(source.source_id, (source,)) for source in item.sources]


def worker_loss_reason(options: IngestOptions, *, hung: bool) -> str:
    """Return the reason of a source that lost its worker in both attempts."""
    return f"no progress for {options.stall_s:g} s, tried twice" if hung else "the worker process died twice on it"


def record_failed(workspace: Workspace, options: IngestOptions, item: Item, reason: str) -> list[Outcome]:
    """Commit a part in which every source of `item` failed."""
    rows = [source_row(replace(source, status="failed", reason=reason), options) for source in item.sources]
    return commit(workspace, item.name, [Extracted(row) for row in rows])


def commit(workspace: Workspace, name: str, extracted: list[Extracted]) -> list[Outcome]:
    """Commit the extracted sources to the workspace as the part `name`."""
    flush_crops()
    faces = pa.concat_tables([FACES.arrow.empty_table(), *(one.faces for one in extracted)])
    sources = SOURCES.table([one.source for one in extracted])
    store.commit_part(workspace, name, faces, sources)
    return [Outcome(one.source["path"], one.source["status"], one.source["reason"], one.trace) for one in extracted]
