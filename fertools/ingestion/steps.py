"""The default steps of an ingest: decode, detect, track, smooth, crop, post-process."""

from __future__ import annotations

import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fertools.core.errors import InputError, first_line
from fertools.core.hashing import hash_bytes
from fertools.faces.appearance import describe_appearance
from fertools.faces.detection.detections import Detections
from fertools.faces.tracking import Tracker
from fertools.ingestion.background import BackgroundWriter
from fertools.ingestion.detection_cache import DetectionCache
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pipeline import SourceContext, Step
from fertools.ingestion.plan import Source, size_bytes
from fertools.ingestion.postprocessing import join_reasons, postprocess
from fertools.ingestion.rows import Cropper, row_of_frame
from fertools.ingestion.source_labels import label_faces
from fertools.ingestion.temporal_buffer import Face, FrameFaces, TemporalBuffer
from fertools.sources.animations import count_pages, read_video
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.images import read_image
from fertools.sources.label_columns import Box
from fertools.sources.sampling import Sampling
from fertools.sources.videos import BrokenVideoError, Frame

_FRAMES_WAITING = 4
"""Maximum number of frames in memory whose crops wait to be written."""


def default_steps(options: IngestOptions) -> list[Step]:
    """Return the default steps of an ingest.

    Args:
        options: options of the ingest; face crops (`crops`) are neither searched nor smoothed.

    Example:
        >>> [type(step).__name__ for step in default_steps(IngestOptions())]
        ['Decode', 'Detect', 'Track', 'Smooth', 'Crop', 'PostProcess']
    """
    if options.crops:
        return [Decode(), Track(), CropWhole(), PostProcess()]
    return [Decode(), Detect(), Track(), Smooth(), Crop(), PostProcess()]


class Decode:
    """Yields and measures the frames of a source; a broken video gives the frames before the error."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """See `FrameStep`."""
        if context.is_video:
            yield from self._video(context)
            return
        frame = Frame(0, None, read_image(context.file, context.options.grey_range))
        width, height = frame_size(frame)
        context.measured.update(width_px=width, height_px=height, frames_decoded=1, frames_searched=1)
        if (pages := count_pages(context.file)) > 1:
            context.measured["remark"] = (
                f"the first of its {pages} pages was read; save the others as files of their own"
            )
        yield FrameFaces(frame, None)

    def _video(self, context: SourceContext) -> Generator[FrameFaces, None, None]:
        source, options, measured = context.source, context.options, context.measured
        reader = read_video(
            context.file,
            sampling=options.sampling if source.frames is None else sampling_by(source.frames, context.file),
            threads=context.threads,
            grey_range=options.grey_range,
            heartbeat=context.heartbeat,
        )
        length = size_bytes(context.file)
        first_s: float | None = None
        measured["frames_searched"] = 0
        try:
            for frame in context.shots.watch(reader):
                width, height = frame_size(frame)
                if width * height > measured.get("width_px", 0) * measured.get("height_px", 0):
                    measured.update(width_px=width, height_px=height)
                first_s = frame.pts_s if first_s is None else first_s
                if first_s is not None and frame.pts_s is not None:
                    measured["duration_s"] = max(0.0, frame.pts_s - first_s)
                measured["frames_searched"] += 1
                context.read_bytes = int(reader.share * length)
                yield FrameFaces(frame, 0)
        except BrokenVideoError as error:
            measured.update(reason=reason_of(error, source, context.file), trace=traceback.format_exc())
        finally:
            measured.update(frames_decoded=reader.decoded, remark=reader.remark)
            context.read_bytes = length
        if not measured["frames_searched"] and "reason" not in measured:
            measured["reason"] = f"it shows no frame within the range {options.range_words}"


class Detect:
    """Detects the faces of each frame; their identifiers follow from their order from left to right."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """See `FrameStep`."""
        with closing(self._found(frames, context)) as searched:
            for frame, found in searched:
                context.tick_frame(len(found))
                yield FrameFaces(frame, 0 if context.is_video else None, tuple(_faces(context.source, frame, found)))

    def _found(
        self, frames: Iterator[FrameFaces], context: SourceContext
    ) -> Generator[tuple[Frame, Detections], None, None]:
        if context.is_video:
            cache = DetectionCache(context.workspace.parts, context.source.source_id)
            yield from context.search.run((seen.frame for seen in frames), cache)
            return
        for seen in frames:
            yield seen.frame, context.search.detector.detect([seen.frame.rgb])[0]


class Track:
    """Numbers the shots of a video, and the tracks of its faces."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """See `FrameStep`."""
        if not context.is_video:
            yield from frames
            return
        tracker, shots, shot = Tracker(), context.shots, 0
        size: tuple[int, int] | None = None
        for seen in frames:
            frame, before, size = seen.frame, size, frame_size(seen.frame)
            # Positions in a frame mean nothing in a frame of another size.
            if is_cut := frame.index in shots.cuts or before not in (None, size):
                tracker.cut()
            faces = _tracked(seen.faces, frame, tracker, changed=frame.index in shots.changes)
            shot += is_cut or tracker.replaced
            yield replace(seen, shot=shot, faces=faces)


class Smooth:
    """Smooths landmarks in time, and interpolates faces that the detector missed for a moment."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """See `FrameStep`."""
        if not context.is_video:
            yield from frames
            return
        buffer = TemporalBuffer(context.options.smoothing_s, context.search.detector.score_levels.confident)
        shot: int | None = None
        for seen in frames:
            if shot != seen.shot:
                yield from buffer.flush()
                shot = seen.shot
            yield from buffer.push(seen)
        yield from buffer.flush()


class Crop:
    """Aligns, measures and writes the crop of each face, and makes its row of the manifest."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """See `FrameStep`."""
        # Cropping takes about as long as tracking, so another thread does it if there is one.
        waiting = _FRAMES_WAITING if context.is_video and context.threads > 1 else 0
        writer: BackgroundWriter[FrameFaces] = BackgroundWriter(waiting)
        with closing(writer):
            for seen in frames:
                yield from writer.push(self.cut, seen, context)
            yield from writer.flush()

    def cut(self, seen: FrameFaces, context: SourceContext) -> FrameFaces:
        """Write the crops of a frame and return the frame with the rows of its faces."""
        cropper, shared = Cropper(context.workspace, context.options), row_of_frame(seen, context)
        return replace(seen, rows=tuple({**cropper.found(seen.frame.rgb, face), **shared} for face in seen.faces))


class CropWhole:
    """Treats each frame as one face, because the source is a face crop already; a shot is a track.

    A picture with labelled boxes has one face per box.
    """

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        """See `FrameStep`."""
        cropper = Cropper(context.workspace, context.options)
        boxes = [one.box for one in context.source.labels if one.box is not None]
        for seen in frames:
            if boxes:
                yield replace(seen, rows=tuple(self._boxed(cropper, seen, boxes, context)))
                continue
            points = context.points.of(context.source.path, seen.frame.index)
            row = cropper.given(seen.frame.rgb, points, _face_id(context.source, seen.frame, 0))
            context.tick_frame(1)
            yield replace(seen, rows=({**row, **row_of_frame(seen, context), "track_id": seen.shot},))

    def _boxed(
        self, cropper: Cropper, seen: FrameFaces, boxes: Sequence[Box], context: SourceContext
    ) -> Iterator[dict[str, Any]]:
        """Yield a row for each labelled box of a picture, which needs no detector."""
        context.tick_frame(len(boxes))
        for place, box in enumerate(boxes):
            row = cropper.boxed(seen.frame.rgb, box, _face_id(context.source, seen.frame, place))
            yield {**row, **row_of_frame(seen, context), "track_id": seen.shot}


class PostProcess:
    """Decides which faces are kept, names their subjects, and applies labels that came with the source."""

    def finish(self, faces: pa.Table, context: SourceContext) -> pa.Table:
        """See `TableStep`."""
        levels = context.search.detector.score_levels
        face_filter = context.options.face_filter(levels)
        if context.source.one_face:
            face_filter = replace(face_filter, max_faces=1)
        faces = postprocess(context.source, faces, face_filter)
        faces, remark = label_faces(context.source, faces)
        context.measured["remark"] = join_reasons(context.measured.get("remark"), remark)
        return faces


def sampling_by(rule: FrameRule, path: Path) -> Sampling:
    """Return the frames of a video that a rule chooses; the frames are counted first where the rule needs it.

    Raises:
        InputError: the video cannot be read.
    """
    if rule.kind in ("all", "every"):
        return Sampling(every=rule.count if rule.kind == "every" else 1)
    if rule.kind == "first":
        return Sampling(indices=frozenset(range(rule.count)))
    # No frame has this number, so all are decoded and none is converted.
    reader = read_video(path, sampling=Sampling(indices=frozenset([2**62])))
    for _ in reader:
        pass
    return Sampling(indices=frozenset(rule.choose(reader.decoded)))


def frame_size(frame: Frame) -> tuple[int, int]:
    """Return the width and height of a frame in pixels."""
    height, width = frame.rgb.shape[:2]
    return int(width), int(height)


def reason_of(error: Exception, source: Source, file: Path | None = None) -> str:
    """Return the reason of a failed source without its name, which is shown next to it.

    Args:
        error: the error.
        source: the source.
        file: temporary file with the content of the source, if it is a member of an archive.
    """
    if isinstance(error, InputError):
        return str(error).replace(str(file or source.path), "it").replace(str(source.path), "it")
    return f"it cannot be worked on ({type(error).__name__}: {first_line(error)}); please report it"


def _faces(source: Source, frame: Frame, found: Detections) -> Iterable[Face]:
    # Not by score: the scores of clear faces are nearly equal, and rounding, which differs between processors, would
    # order them.
    order = np.lexsort((found.boxes[:, 1], found.boxes[:, 0] + found.boxes[:, 2])).tolist()
    for place, number in enumerate(order):
        yield Face(
            face_id=_face_id(source, frame, place),
            box=found.boxes[number],
            score=float(found.scores[number]),
            points=found.landmarks[number],
        )


def _tracked(faces: tuple[Face, ...], frame: Frame, tracker: Tracker, *, changed: bool) -> tuple[Face, ...]:
    boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
    scores = np.array([face.score for face in faces], np.float32)
    descriptors = [partial(describe_appearance, frame.rgb, face.best_points) for face in faces]
    tracks = tracker.update(frame.index, frame.pts_s, boxes, scores, descriptors, changed=changed)
    return tuple(replace(face, track=track) for face, track in zip(faces, tracks, strict=True))


def _face_id(source: Source, frame: Frame, place: int) -> str:
    return hash_bytes(source.source_id.encode(), f"{frame.index}:{place}".encode())
