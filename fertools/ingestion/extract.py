"""Run the pipeline on one source: return its row and its faces."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import Interrupted, MachineError
from fertools.core.explain import raise_of_machine
from fertools.core.workspace import Workspace
from fertools.faces.detection.min_face import SMALLEST_FACE_PX
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pipeline import SourceContext, Step, run_steps
from fertools.ingestion.plan import Source
from fertools.ingestion.postprocessing import join_reasons, none_kept_reason
from fertools.ingestion.search import Search
from fertools.ingestion.steps import reason_of
from fertools.ingestion.workload import Done
from fertools.manifests import nested
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.tombstones import Tombstones
from fertools.sources.archives.opened import local_file
from fertools.sources.points import PointTable


@dataclass
class Extracted:
    """The result of one source.

    Attributes:
        source: its row of `sources`.
        faces: its rows of `faces`; the table may be on the disk.
        trace: traceback of the error that stopped it; None without an error.
    """

    source: dict[str, Any]
    faces: pa.Table = field(default_factory=FACES.arrow.empty_table)
    trace: str | None = None


@dataclass(frozen=True)
class Extractor:
    """Extracts the faces of sources.

    Attributes:
        workspace: workspace for the crops.
        options: options of the ingest.
        search: the detector with its threads.
        steps: steps of the pipeline.
        threads: number of decoding threads; 0 lets FFmpeg choose.
        points: landmarks that came with the sources, for sources that are face crops already.
        tick: called with the work done, for every searched frame.
        heartbeat: called for every decoded frame, to show that the work continues.
        tombstones: what the workspace has forgotten.
    """

    workspace: Workspace
    options: IngestOptions
    search: Search
    steps: Sequence[Step]
    threads: int = 0
    points: PointTable = field(default_factory=PointTable)
    tick: Callable[[Done], None] = lambda done: None
    heartbeat: Callable[[], None] = lambda: None
    tombstones: Tombstones = field(default_factory=Tombstones)

    def extract(self, source: Source) -> Extracted:
        """Return the rows of `source` after writing its crops; a source that cannot be read gives a failed row.

        An error that a source raises belongs to that source, so no file stops the work on the others.

        Raises:
            MachineError: the disk is full, or the machine has no open files or no memory left.
            Interrupted: the work is to stop.
        """
        row = source_row(source, self.options)
        measured: dict[str, Any] = {}
        context: SourceContext | None = None
        try:
            with local_file(source.path) as file:
                context = SourceContext(
                    *(source, file, self.workspace, self.options, self.search, self.threads, self.points),
                    *(self.tick, self.heartbeat),
                    measured=measured,
                    tombstones=self.tombstones,
                )
                faces = self._without_forgotten(run_steps(self.steps, context))
        except (MachineError, Interrupted):
            raise
        except Exception as error:
            raise_of_machine(error, source.path)
            reason = join_reasons(source.reason, reason_of(error, source, context.file if context else None))
            return Extracted({**row, "status": "failed", "reason": reason}, trace=traceback.format_exc())
        finally:
            if context is not None:
                context.tick_read()
        if not len(faces) and (reason := _too_small(measured)):
            measured.setdefault("reason", reason)
        remark, trace = measured.pop("remark", None), measured.pop("trace", None)
        measured["reason"] = join_reasons(source.reason, remark, measured.get("reason"), none_kept_reason(faces))
        return Extracted({**row, **measured, **outcome(faces)}, faces, trace)

    def _without_forgotten(self, faces: pa.Table) -> pa.Table:
        """Return the faces without those of a forgotten person whom only the labels of a dataset name."""
        if not self.tombstones.digests.get("subject"):
            return faces
        gone, _ = self.tombstones.select(faces, SOURCES.arrow.empty_table())
        for name in faces.filter(pc.is_in(faces["face_id"], value_set=pa.array(sorted(gone), pa.string())))["path"]:
            with suppress(FileNotFoundError):
                (self.workspace.root / name.as_py()).unlink()
        return nested.keep(faces, pc.invert(pc.is_in(faces["face_id"], value_set=pa.array(sorted(gone), pa.string()))))


def outcome(faces: pa.Table) -> dict[str, Any]:
    """Return the columns of a `sources` row that count its faces."""
    kept = pc.sum(pc.equal(faces["status"], "kept")).as_py() or 0
    return {
        "status": "done" if len(faces) else "empty",
        "faces_kept": kept,
        "faces_rejected": len(faces) - kept,
        "faces_interpolated": pc.sum(faces["interpolated"]).as_py() or 0,
    }


def source_row(source: Source, options: IngestOptions) -> dict[str, Any]:
    """Return the columns of the `sources` row that are known before the file is opened."""
    return {
        "source_id": source.source_id,
        "path": source.name,
        "kind": source.kind,
        "dataset": source.dataset,
        "modality": source.modality,
        "licence": options.licence,
        "subject_id": source.subject_id,
        "subject_origin": source.subject_origin,
        "emotion": source.emotion,
        "emotion_origin": source.emotion_origin,
        "faces_kept": 0,
        "faces_rejected": 0,
        "faces_interpolated": 0,
        "status": source.status,
        "reason": source.reason,
    }


def flush_crops() -> None:
    """Flush all written crops to the disk: one call per part instead of one per crop."""
    os.sync()


def _too_small(measured: dict[str, Any]) -> str | None:
    """Return the reason if a picture is smaller than the smallest face of the detector; else None."""
    width, height = measured.get("width_px", SMALLEST_FACE_PX), measured.get("height_px", SMALLEST_FACE_PX)
    return f"it is {width} x {height} px, too small for a face" if min(width, height) < SMALLEST_FACE_PX else None
