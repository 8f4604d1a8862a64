"""The pipeline of an ingest: a list of steps, each a small class that can be replaced, left out or inserted.

There are two kinds of steps. A `FrameStep` takes the frames of one source in order and adds to what is known about
their faces. A `TableStep` takes the complete table of faces of the source. All frame steps of a list run before its
table steps. `fertools.ingestion.steps.default_steps` returns the default list.

A step keeps no state of a source in its object. State from frame to frame is local to its `run`. Steps are sent to
worker processes, so those must be able to import the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from fertools.core.workspace import Workspace
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.plan import Source
from fertools.ingestion.search import Search
from fertools.ingestion.temporal_buffer import FrameFaces
from fertools.ingestion.workload import Done
from fertools.manifests.schema import FACES
from fertools.manifests.table_writer import TableWriter
from fertools.manifests.tombstones import Tombstones
from fertools.sources.points import PointTable
from fertools.sources.shots import CutDetector


@dataclass
class SourceContext:
    """What the steps know about the current source, and what they report about it.

    Attributes:
        source: the video or picture.
        file: file to read: that of the source, or a temporary file with the content of a member of an archive.
        workspace: workspace for the crops.
        options: options of the ingest.
        search: the detector with its threads.
        threads: number of decoding threads; 0 lets FFmpeg choose. With several, crops are written in the background.
        points: landmarks that came with the sources, for sources that are face crops already.
        tick: called with the work done; steps report searched frames with `tick_frame`.
        heartbeat: called for every decoded frame, to show that the work continues.
        shots: cuts between the shots of a video, filled in during decoding.
        measured: columns of the source's row that the steps fill in, and `remark` and `trace`.
        read_bytes: number of bytes of a video read so far, updated by the first step.
        tombstones: what the workspace has forgotten; a forgotten face gets no crop and no row.
    """

    source: Source
    file: Path
    workspace: Workspace
    options: IngestOptions
    search: Search
    threads: int
    points: PointTable
    tick: Callable[[Done], None]
    heartbeat: Callable[[], None]
    shots: CutDetector = field(default_factory=CutDetector)
    measured: dict[str, Any] = field(default_factory=dict)
    read_bytes: int = 0
    tombstones: Tombstones = field(default_factory=Tombstones)
    _told_bytes: int = field(default=0, init=False)

    @property
    def is_video(self) -> bool:
        """Whether the source is a video, not a picture."""
        return self.source.kind == "video"

    def tick_frame(self, faces: int) -> None:
        """Report a searched frame, its number of faces, and the bytes read since the last report."""
        read, self._told_bytes = self.read_bytes - self._told_bytes, self.read_bytes
        self.tick(Done(1, faces, video_bytes=read))

    def tick_read(self) -> None:
        """Report the bytes of the video read since the last report."""
        read, self._told_bytes = self.read_bytes - self._told_bytes, self.read_bytes
        if read:
            self.tick(Done(video_bytes=read))


@runtime_checkable
class FrameStep(Protocol):
    """Works on the frames of one source."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """Yield the frames with more known about their faces; a step may also drop frames and faces.

        Args:
            frames: frames from the step before; empty for the first step.
            context: the current source.
        """


@runtime_checkable
class TableStep(Protocol):
    """Works on the table of all faces of one source."""

    def finish(self, faces: pa.Table, context: SourceContext) -> pa.Table:
        """Return the changed table of faces.

        Args:
            faces: rows of `fertools.manifests.schema.FACES`.
            context: the current source.
        """


Step = FrameStep | TableStep


def run_steps(steps: Sequence[Step], context: SourceContext) -> pa.Table:
    """Return the faces of one source after all steps.

    Args:
        steps: frame steps in order, and table steps in order.
        context: the current source.
    """
    with ExitStack() as stack:
        writer = stack.enter_context(closing(TableWriter(context.workspace.parts, FACES)))
        frames: Iterator[FrameFaces] = iter(())
        for step in steps:
            if isinstance(step, FrameStep):
                # Closed from the last to the first, also after an error, because its traceback would keep them open.
                frames = stack.enter_context(closing(step.run(frames, context)))
        for seen in frames:
            writer.add(seen.rows)
        faces = writer.table()
    for step in steps:
        if isinstance(step, TableStep):
            faces = step.finish(faces, context)
    return faces


def step_names(steps: Sequence[Step]) -> list[str]:
    """Return the qualified class names of steps, as a workspace records them."""
    return [f"{type(step).__module__}.{type(step).__qualname__}" for step in steps]
