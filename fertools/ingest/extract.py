"""From one source to its faces: decode, detect, follow, align, measure, write the crops."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.faces.cascade import Detections
from fertools.faces.quality import STANDARDS
from fertools.faces.tracks import Tracker
from fertools.ingest.findings import Findings
from fertools.ingest.options import IngestOptions
from fertools.ingest.plan import Source
from fertools.ingest.rows import Cropper
from fertools.ingest.search import Search
from fertools.ingest.surplus import BEYOND, reject_surplus
from fertools.sources.images import read_image
from fertools.sources.points import PointTable
from fertools.sources.shots import CutDetector
from fertools.sources.videos import BrokenVideoError, Frame, FrameReader

SMALLEST_PX = 12
"""Side of the smallest window that the detector (its first network, P-Net) looks at, in pixels."""


@dataclass
class Extracted:
    """What came out of one source: the row of `sources` and the rows of `faces`."""

    source: dict[str, Any]
    faces: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Extractor:
    """Takes faces out of sources.

    Attributes:
        workspace: where crops go.
        options: how.
        search: finds the faces.
        threads: decoding threads; 0 lets FFmpeg choose.
        points: landmarks that came with the sources, for those that are crops already.
        tick: told of every picture searched: how many (1), and how many faces are in it.
        pulse: called for every picture decoded, searched or not, to show that it goes on.
    """

    workspace: Workspace
    options: IngestOptions
    search: Search
    threads: int = 0
    points: PointTable = field(default_factory=PointTable)
    tick: Callable[[int, int], None] = lambda pictures, faces: None
    pulse: Callable[[], None] = lambda: None

    def extract(self, source: Source) -> Extracted:
        """Return the rows of `source`, its crops written; a source that cannot be read gives a failed row.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        row = source_row(source, self.options)
        try:
            faces, measured = self._images(source) if source.kind == "image" else self._video(source)
        except InputError as error:
            return Extracted({**row, "status": "failed", "reason": _reason(error, source)})
        kept = sum(face["status"] == "kept" for face in faces)
        if not faces and (reason := _too_small(measured)):
            measured.setdefault("reason", reason)
        outcome = {"status": "done" if faces else "empty", "faces_kept": kept, "faces_rejected": len(faces) - kept}
        return Extracted({**row, **measured, **outcome}, faces)

    def _images(self, source: Source) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        rgb = read_image(source.path)
        frame = Frame(0, None, rgb)
        if self.options.crops:
            faces = self._given(source, frame, None)
        else:
            faces = self._faces(source, frame, self.search.detector.detect([rgb])[0], None, None)
        self.tick(1, len(faces))
        reject_surplus(faces, self.options.max_faces)
        # Two faces in one picture are two people, and its place names at most one of them. A rejected detection
        # beside a kept one is most often a false alarm.
        candidates = [face for face in faces if face["status"] == "kept"] or faces
        if len(candidates) == 1:
            candidates[0].update(subject_id=source.subject_id, subject_origin=source.subject_origin)
        height, width = rgb.shape[:2]
        return faces, {"width_px": width, "height_px": height, "frames_decoded": 1, "frames_searched": 1}

    def _video(self, source: Source) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        faces: list[dict[str, Any]] = []
        tracker, cuts, shot = Tracker(), CutDetector(), 0
        measured: dict[str, Any] = {"frames_searched": 0}
        reader = FrameReader(source.path, sampling=self.options.sampling, threads=self.threads, pulse=self.pulse)
        first_s: float | None = None
        findings = Findings(self.workspace.parts, source.source_id)
        try:
            with closing(self._searched(reader, findings)) as searched:
                for frame, found in searched:
                    if cuts.is_cut(frame.rgb):
                        shot += 1
                        tracker.cut()
                    if found is None:
                        faces += self._given(source, frame, shot)
                    else:
                        tracks = tracker.update(frame.index, frame.pts_s, found.boxes, found.scores)
                        faces += self._faces(source, frame, found, tracks, shot)
                    self.tick(1, 1 if found is None else len(found))
                    first_s = frame.pts_s if first_s is None else first_s
                    height, width = frame.rgb.shape[:2]
                    measured["frames_searched"] += 1
                    measured.update(width_px=width, height_px=height)
                    if first_s is not None and frame.pts_s is not None:
                        measured["duration_s"] = max(0.0, frame.pts_s - first_s)
        except BrokenVideoError as error:
            measured["reason"] = _reason(error, source)
        measured["frames_decoded"] = reader.decoded
        if not measured["frames_searched"] and "reason" not in measured:
            measured["reason"] = f"it shows no frame within --range {self.options.span}"
        lasting = STANDARDS[self.options.quality].lasting
        name_subjects(source, faces, lasting=lasting, most=self.options.max_faces)
        return faces, measured

    def _searched(
        self, reader: FrameReader, findings: Findings
    ) -> Generator[tuple[Frame, Detections | None], None, None]:
        """Yield each frame with its faces, or with None where each frame is one."""
        if self.options.crops:
            yield from ((frame, None) for frame in reader)
        else:
            yield from self.search.run(reader, findings)

    def _faces(
        self, source: Source, frame: Frame, found: Detections, tracks: list[int] | None, shot: int | None
    ) -> list[dict[str, Any]]:
        rows = []
        # Numbered from left to right: scores of sure faces are all but equal, and rounding, which differs between
        # processors, would order them.
        order = np.lexsort((found.boxes[:, 1], found.boxes[:, 0] + found.boxes[:, 2]))
        for place, number in enumerate(order.tolist()):
            face_id = hash_bytes(source.source_id.encode(), f"{frame.index}:{place}".encode())
            row = Cropper(self.workspace, self.options).detected(frame.rgb, found, number, face_id)
            rows.append(
                {**row, **self._place(source, frame, face_id, shot, None if tracks is None else tracks[number])}
            )
        return rows

    def _given(self, source: Source, frame: Frame, shot: int | None) -> list[dict[str, Any]]:
        """Return the one face of a frame that is a face crop already."""
        face_id = hash_bytes(source.source_id.encode(), f"{frame.index}:0".encode())
        row = Cropper(self.workspace, self.options).given(frame.rgb, self.points.of(source.path, frame.index), face_id)
        return [{**row, **self._place(source, frame, face_id, shot, shot)}]

    def _place(self, source: Source, frame: Frame, face_id: str, shot: int | None, track: int | None) -> dict[str, Any]:
        return {
            "face_id": face_id,
            "source_id": source.source_id,
            "dataset": source.dataset,
            "modality": self.options.modality,
            "licence": self.options.licence,
            "frame_index": frame.index,
            "pts_s": frame.pts_s,
            "shot_id": shot,
            "track_id": track,
            "emotion": source.emotion,
            "emotion_origin": source.emotion_origin,
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
        "status": source.status,
        "reason": source.reason,
    }


def name_subjects(
    source: Source, faces: list[dict[str, Any]], *, lasting: bool = True, most: int | None = None
) -> None:
    """Give every face of a video its subject, and reject what was there for a single frame beside a lasting face.

    The folder's or pattern's subject holds where only one face is ever in the picture; a video without such a
    name is then a subject itself. Where faces stand side by side, each track is a subject of its own. What is
    most often a false alarm gets none and makes no company: a rejected detection beside another face, and a track
    that is kept in a single frame, beside one that is kept in several; the latter is rejected as `single_frame`.
    Unless `lasting` is asked for, no track is doubted for its shortness. Of the faces that are then left, those beyond
    the `most` largest of a frame are rejected, and are nobody's either.
    """
    kept = [face for face in faces if face["status"] == "kept"]
    long = {track for track, count in Counter(face["track_id"] for face in kept).items() if count > 1}
    in_frame = Counter(face["frame_index"] for face in faces)
    lasting_in_frame = Counter(face["frame_index"] for face in kept if face["track_id"] in long)

    def is_doubtful(face: dict[str, Any]) -> bool:
        if face["status"] == "rejected":
            return in_frame[face["frame_index"]] > 1
        return lasting and face["track_id"] not in long and lasting_in_frame[face["frame_index"]] > 0

    doubts = [is_doubtful(face) for face in faces]
    for face, doubtful in zip(faces, doubts, strict=True):
        if doubtful and face["status"] == "kept":
            face.update(status="rejected", reason="single_frame")
    reject_surplus(faces, most)
    sure = [face for face, doubtful in zip(faces, doubts, strict=True) if not doubtful and face.get("reason") != BEYOND]
    people_in_frame = Counter(face["frame_index"] for face in sure if face["status"] == "kept")
    alone = max(people_in_frame.values(), default=0) <= 1
    for face in sure:
        if alone and source.subject_id is not None:
            face.update(subject_id=source.subject_id, subject_origin=source.subject_origin)
        else:
            track = "" if alone else f"-t{face['track_id']}"
            face.update(subject_id=f"v{source.source_id[:12]}{track}", subject_origin="video")


def flush_crops() -> None:
    """Put every crop written so far on the disk: one call per part instead of one per crop."""
    os.sync()


def _too_small(measured: dict[str, Any]) -> str | None:
    """Return that no face can be in a picture, if it is smaller than all that the detector looks at."""
    width, height = measured.get("width_px", SMALLEST_PX), measured.get("height_px", SMALLEST_PX)
    return f"it is {width} x {height} px, too small for a face" if min(width, height) < SMALLEST_PX else None


def _reason(error: InputError, source: Source) -> str:
    """Return what is wrong with a source, which stands beside the reason and need not be named in it again."""
    return str(error).replace(str(source.path), "it")
