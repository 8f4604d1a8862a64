"""From one source to its faces: decode, detect, track, align, measure, write the crops."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import InputError, Interrupted, MachineError, first_line
from fertools.core.explain import raise_of_machine
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.faces.appearance import describe_appearance
from fertools.faces.detection.detections import Detections
from fertools.faces.detection.min_face import SMALLEST_FACE_PX
from fertools.faces.tracking import Tracker
from fertools.ingestion.background import BackgroundWriter
from fertools.ingestion.detection_cache import DetectionCache
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.plan import Source, size_bytes
from fertools.ingestion.postprocessing import join_reasons, none_kept_reason, postprocess
from fertools.ingestion.rows import Cropper
from fertools.ingestion.search import Search
from fertools.ingestion.temporal_buffer import Face, FrameFaces, TemporalBuffer
from fertools.ingestion.workload import Done
from fertools.manifests.schema import FACES
from fertools.manifests.table_writer import TableWriter
from fertools.sources.animations import count_pages, read_video
from fertools.sources.images import read_image
from fertools.sources.points import PointTable
from fertools.sources.shots import CutDetector
from fertools.sources.videos import BrokenVideoError, Frame

_FRAMES_WAITING = 4
"""Frames whose crops may wait to be written, each held meanwhile."""


@dataclass
class Extracted:
    """What came out of one source.

    Attributes:
        source: its row of `sources`.
        faces: its rows of `faces`, which may lie on the disk.
        trace: the traceback of what stopped it, if anything did.
    """

    source: dict[str, Any]
    faces: pa.Table = field(default_factory=FACES.arrow.empty_table)
    trace: str | None = None


@dataclass(frozen=True)
class Extractor:
    """Takes faces out of sources.

    Attributes:
        workspace: where crops go.
        options: how.
        search: finds the faces.
        threads: decoding threads; 0 lets FFmpeg choose.
        points: landmarks that came with the sources, for those that are crops already.
        tick: told of every picture searched, and of how far a video is read.
        pulse: called for every picture decoded, searched or not, to show that it goes on.
    """

    workspace: Workspace
    options: IngestOptions
    search: Search
    threads: int = 0
    points: PointTable = field(default_factory=PointTable)
    tick: Callable[[Done], None] = lambda done: None
    pulse: Callable[[], None] = lambda: None

    def extract(self, source: Source) -> Extracted:
        """Return the rows of `source`, its crops written; a source that cannot be read gives a failed row.

        Whatever a source raises is its own: no file ends the work on the others.

        Raises:
            MachineError: the disk is full, or the machine opens no more files, or has no memory left.
            Interrupted: the work is to stop.
        """
        row = source_row(source, self.options)
        try:
            faces, measured = self._images(source) if source.kind == "image" else self._video(source)
        except (MachineError, Interrupted):
            raise
        except Exception as error:
            raise_of_machine(error, source.path)
            reason = join_reasons(source.reason, _reason(error, source))
            return Extracted({**row, "status": "failed", "reason": reason}, trace=traceback.format_exc())
        faces = postprocess(source, faces, self.options.face_filter(self.search.detector.score_levels))
        if not len(faces) and (reason := _too_small(measured)):
            measured.setdefault("reason", reason)
        remark, trace = measured.pop("remark", None), measured.pop("trace", None)
        measured["reason"] = join_reasons(source.reason, remark, measured.get("reason"), none_kept_reason(faces))
        return Extracted({**row, **measured, **outcome(faces)}, faces, trace)

    def _images(self, source: Source) -> tuple[pa.Table, dict[str, Any]]:
        rgb = read_image(source.path)
        frame = Frame(0, None, rgb)
        if self.options.crops:
            rows = [self._given(source, frame, None)]
        else:
            found = _faces(source, frame, self.search.detector.detect([rgb])[0])
            rows = [self._row(source, frame, None, face) for face in found]
        self.tick(Done(frames=1, faces=len(rows)))
        width, height = _size(frame)
        measured: dict[str, Any] = {"width_px": width, "height_px": height, "frames_decoded": 1, "frames_searched": 1}
        if (pages := count_pages(source.path)) > 1:
            measured["remark"] = f"the first of its {pages} pages was read; save the others as files of their own"
        return FACES.table(rows), measured

    def _video(self, source: Source) -> tuple[pa.Table, dict[str, Any]]:
        measured: dict[str, Any] = {"frames_searched": 0}
        with closing(TableWriter(self.workspace.parts, FACES)) as spool:
            try:
                self._video_frames(source, spool, measured)
            except BrokenVideoError as error:
                measured.update(reason=_reason(error, source), trace=traceback.format_exc())
            faces = spool.table()
        if not measured["frames_searched"] and "reason" not in measured:
            measured["reason"] = f"it shows no frame within --range {self.options.span}"
        return faces, measured

    def _video_frames(self, source: Source, spool: TableWriter, measured: dict[str, Any]) -> None:
        """Follow faces through a video; fill in its rows and measures, of what came before an error too.

        Raises:
            BrokenVideoError: decoding stopped in its middle.
        """
        tracker, shots, shot = Tracker(), CutDetector(), 0
        buffer = TemporalBuffer(self.options.smoothing_s, self.search.detector.score_levels.confident)
        # Cropping takes about as long as tracking, so another thread cuts and writes them where there is one to spare.
        crops: BackgroundWriter[list[dict[str, Any]]] = BackgroundWriter(_FRAMES_WAITING if self.threads > 1 else 0)
        reader = read_video(source.path, sampling=self.options.sampling, threads=self.threads, pulse=self.pulse)
        first_s: float | None = None
        length, read = size_bytes(source.path), 0
        size: tuple[int, int] | None = None
        with closing(crops):
            try:
                cache = DetectionCache(self.workspace.parts, source.source_id)
                with closing(self._searched(shots.watch(reader), cache)) as searched:
                    for frame, found in searched:
                        before, size = size, _size(frame)
                        # Places in a frame say nothing about one of another size.
                        if is_cut := frame.index in shots.cuts or before not in (None, size):
                            tracker.cut()
                        changed = frame.index in shots.changes
                        faces = () if found is None else _tracked(_faces(source, frame, found), frame, tracker, changed)
                        if is_cut or tracker.replaced:
                            self._add(spool, crops, source, buffer.flush())
                            shot += 1
                        if found is None:
                            spool.add([self._given(source, frame, shot)])
                        else:
                            self._add(spool, crops, source, buffer.push(FrameFaces(frame, shot, faces)))
                        read_before, read = read, int(reader.share * length)
                        self.tick(Done(1, 1 if found is None else len(found), video_bytes=read - read_before))
                        first_s = frame.pts_s if first_s is None else first_s
                        measured["frames_searched"] += 1
                        if size[0] * size[1] > measured.get("width_px", 0) * measured.get("height_px", 0):
                            measured.update(width_px=size[0], height_px=size[1])
                        if first_s is not None and frame.pts_s is not None:
                            measured["duration_s"] = max(0.0, frame.pts_s - first_s)
            except BrokenVideoError:
                self._add(spool, crops, source, buffer.flush())
                spool.add(chain.from_iterable(crops.flush()))
                raise
            finally:
                measured.update(frames_decoded=reader.decoded, remark=reader.remark)
                self.tick(Done(video_bytes=length - read))
            self._add(spool, crops, source, buffer.flush())
            spool.add(chain.from_iterable(crops.flush()))

    def _searched(
        self, frames: Iterable[Frame], cache: DetectionCache
    ) -> Generator[tuple[Frame, Detections | None], None, None]:
        """Yield each frame with its faces, or with None where each frame is one."""
        if self.options.crops:
            yield from ((frame, None) for frame in frames)
        else:
            yield from self.search.run(frames, cache)

    def _add(
        self,
        spool: TableWriter,
        crops: BackgroundWriter[list[dict[str, Any]]],
        source: Source,
        frames: Iterator[FrameFaces],
    ) -> None:
        """Have the crops of frames written, and add the rows of those that are."""
        for seen in frames:
            for rows in crops.push(self._rows, source, seen):
                spool.add(rows)

    def _rows(self, source: Source, seen: FrameFaces) -> list[dict[str, Any]]:
        """Return the rows of the faces of a frame, their crops written."""
        return [self._row(source, seen.frame, seen.shot, face) for face in seen.faces]

    def _row(self, source: Source, frame: Frame, shot: int | None, face: Face) -> dict[str, Any]:
        row = Cropper(self.workspace, self.options).found(frame.rgb, face)
        return {**row, **self._place(source, frame, shot)}

    def _given(self, source: Source, frame: Frame, shot: int | None) -> dict[str, Any]:
        """Return the one face of a frame that is a face crop already; a shot of them is a track."""
        points, cropper = self.points.of(source.path, frame.index), Cropper(self.workspace, self.options)
        row = cropper.given(frame.rgb, points, _face_id(source, frame, 0))
        return {**row, **self._place(source, frame, shot), "track_id": shot}

    def _place(self, source: Source, frame: Frame, shot: int | None) -> dict[str, Any]:
        width, height = _size(frame)
        return {
            "source_id": source.source_id,
            "dataset": source.dataset,
            "modality": self.options.modality,
            "licence": self.options.licence,
            "frame_index": frame.index,
            "pts_s": frame.pts_s,
            "frame_width_px": width,
            "frame_height_px": height,
            "shot_id": shot,
            "emotion": source.emotion,
            "emotion_origin": source.emotion_origin,
        }


def _faces(source: Source, frame: Frame, found: Detections) -> list[Face]:
    """Return the faces that were detected in a frame, from left to right, and named by that order.

    Scores of sure faces are all but equal, and rounding, which differs between processors, would order them.
    """
    order = np.lexsort((found.boxes[:, 1], found.boxes[:, 0] + found.boxes[:, 2])).tolist()
    return [
        Face(
            face_id=_face_id(source, frame, place),
            box=found.boxes[number],
            score=float(found.scores[number]),
            points=found.landmarks[number],
        )
        for place, number in enumerate(order)
    ]


def _size(frame: Frame) -> tuple[int, int]:
    """Return the width and height of a frame in pixels."""
    height, width = frame.rgb.shape[:2]
    return int(width), int(height)


def _tracked(faces: list[Face], frame: Frame, tracker: Tracker, changed: bool) -> tuple[Face, ...]:
    """Return the faces of a video's next frame with the numbers of their tracks."""
    boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
    scores = np.array([face.score for face in faces], np.float32)
    descriptors = [partial(describe_appearance, frame.rgb, face.best_points) for face in faces]
    tracks = tracker.update(frame.index, frame.pts_s, boxes, scores, descriptors, changed=changed)
    return tuple(replace(face, track=track) for face, track in zip(faces, tracks, strict=True))


def _face_id(source: Source, frame: Frame, place: int) -> str:
    return hash_bytes(source.source_id.encode(), f"{frame.index}:{place}".encode())


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
    """Return the columns of the `sources` row that are known without opening the file."""
    return {
        "source_id": source.source_id,
        "path": source.name,
        "kind": source.kind,
        "dataset": source.dataset,
        "modality": options.modality,
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
    """Put every crop written so far on the disk: one call per part instead of one per crop."""
    os.sync()


def _too_small(measured: dict[str, Any]) -> str | None:
    """Return that no face can be in a picture, if it is smaller than all that the detector looks at."""
    width, height = measured.get("width_px", SMALLEST_FACE_PX), measured.get("height_px", SMALLEST_FACE_PX)
    return f"it is {width} x {height} px, too small for a face" if min(width, height) < SMALLEST_FACE_PX else None


def _reason(error: Exception, source: Source) -> str:
    """Return what is wrong with a source, which stands beside the reason and need not be named in it again."""
    if isinstance(error, InputError):
        return str(error).replace(str(source.path), "it")
    return f"it cannot be worked on ({type(error).__name__}: {first_line(error)}); please report it"
