"""The predictions of one file: a part on the disk, so that interrupted work is resumed, and the tables of all parts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.errors import InputError, Interrupted, MachineError
from fertools.core.explain import raise_of_machine
from fertools.core.hashing import hash_bytes
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace
from fertools.inference.frame_predictions import predict_frames, prediction_schema
from fertools.inference.model import Model
from fertools.inference.overlay import OverlayVideo, write_overlay_picture
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pipeline import SourceContext
from fertools.ingestion.plan import Source
from fertools.ingestion.search import Search
from fertools.ingestion.steps import reason_of
from fertools.sources.content import Kind
from fertools.sources.points import PointTable

_META_KEY = b"fertools.source_predictions"
_KEY_CHARACTERS = 16


@dataclass(frozen=True)
class SourceResult:
    """What came of one file.

    Attributes:
        source: path of the file.
        key: identifier of the file and its content.
        frames: number of searched frames.
        faces: number of predicted faces.
        reason: why it could not be read, or not to its end; None if it was.
        overlay: path of the copy with drawn predictions, if there is one.
    """

    source: str
    key: str
    frames: int
    faces: int
    reason: str | None = None
    overlay: Path | None = None


@dataclass(frozen=True)
class Work:
    """What is done with each file.

    Attributes:
        root: folder of the predictions.
        model: model that predicts.
        options: options of the search for faces.
        search: the detector with its threads.
        overlay: whether copies with drawn predictions are written.
    """

    root: Path
    model: Model
    options: IngestOptions
    search: Search
    overlay: bool

    def part(self, key: str) -> Path:
        """Return the path of the part of a file."""
        return self.root / "parts" / f"{key}.parquet"

    def overlay_path(self, path: Path, kind: Kind, key: str) -> Path:
        """Return the path of the copy of a file with drawn predictions."""
        name = re.sub(r"[^\w.-]", "_", path.stem)[:80]
        return self.root / "overlay" / f"{name}-{key[:8]}.{'mp4' if kind == 'video' else 'png'}"

    def finished(self, key: str, path: Path) -> SourceResult | None:
        """Return the result of a file that was done before; None if it is to be done."""
        if not self.part(key).is_file():
            return None
        try:
            meta = json.loads((pq.read_schema(self.part(key)).metadata or {})[_META_KEY])
        except (OSError, ValueError, KeyError, TypeError):
            # A damaged part is made again.
            return None
        drawn = self.overlay_path(path, "video", key), self.overlay_path(path, "image", key)
        overlay = next((place for place in drawn if place.is_file()), None)
        if self.overlay and overlay is None and meta["frames"]:
            return None
        return SourceResult(str(path), key, meta["frames"], meta["faces"], meta["reason"], overlay)


def source_key(path: Path) -> str:
    """Return the identifier of a file and its content, which changes with its size and modification time.

    Raises:
        InputError: the file is gone or cannot be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); put it back, or leave it out") from error
    return hash_bytes(f"{path}\0{found.st_size}\0{found.st_mtime_ns}".encode())[:_KEY_CHARACTERS]


def predict_source(work: Work, path: Path, kind: Kind) -> SourceResult:
    """Predict the faces of one file, and write its part and its overlay.

    An error that the file raises is its reason; a file that cannot be read at all has no part, so it is tried again.

    Args:
        work: what is done with each file.
        path: path of the file.
        kind: video or image.

    Raises:
        MachineError: the disk is full, or the machine has no open files or no memory left.
        Interrupted: the work is to stop; found faces of a video are kept for the next call.
    """
    key = source_key(path)
    source = Source(key, path, str(path), kind, None, None, None, None, None)
    # The detections of an interrupted video are kept in this workspace.
    scratch = Workspace(work.root / "unfinished")
    scratch.parts.mkdir(parents=True, exist_ok=True)
    context = SourceContext(
        source, path, scratch, work.options, work.search, 0, PointTable(), lambda done: None, lambda: None
    )
    drawn = work.overlay_path(path, kind, key) if work.overlay else None
    rows: list[dict[str, Any]] = []
    try:
        with OverlayVideo(drawn) if drawn is not None and kind == "video" else nullcontext() as video:
            for frame in predict_frames(work.model, context):
                rows += frame.rows
                if video is not None:
                    video.add(frame)
                elif drawn is not None:
                    write_overlay_picture(drawn, frame)
    except (MachineError, Interrupted):
        raise
    except Exception as error:
        raise_of_machine(error, path)
        shutil.rmtree(scratch.root, ignore_errors=True)
        return SourceResult(str(path), key, 0, 0, reason_of(error, source))
    frames = int(context.measured.get("frames_searched", 0))
    reason = context.measured.get("reason")
    schema = prediction_schema(work.model)
    table = pa.Table.from_pylist([{"source": str(path), **row} for row in rows], schema)
    meta = json.dumps({"frames": frames, "faces": len(rows), "reason": reason})
    with files.replacing(work.part(key)) as temporary:
        pq.write_table(table.replace_schema_metadata({_META_KEY: meta}), temporary, compression="zstd")
    shutil.rmtree(scratch.root, ignore_errors=True)
    return SourceResult(str(path), key, frames, len(rows), reason, drawn)


def join_results(root: Path, results: Sequence[SourceResult], model: Model) -> tuple[Path, Path]:
    """Write the predictions of all files as one table, Parquet and CSV, and a table of the files; return both paths.

    Args:
        root: folder of the predictions.
        results: result of each file, in order.
        model: model that predicted.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    schema = prediction_schema(model)
    parts = [root / "parts" / f"{result.key}.parquet" for result in results]
    again = "remove it, and predict again"
    tables = [read_parquet(path, remedy=again).replace_schema_metadata(None) for path in parts if path.is_file()]
    table = pa.concat_tables([schema.empty_table(), *tables])
    parquet, text = root / "predictions.parquet", root / "predictions.csv"
    with files.replacing(parquet) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    with files.replacing(text) as temporary:
        pyarrow.csv.write_csv(table, temporary)
    columns = pa.schema({"source": pa.string(), "frames": pa.int64(), "faces": pa.int64(), "reason": pa.string()})
    listed = pa.table({name: [getattr(result, name) for result in results] for name in columns.names}, columns)
    with files.replacing(root / "sources.csv") as temporary:
        pyarrow.csv.write_csv(listed, temporary)
    return parquet, text
