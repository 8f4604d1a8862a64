"""Post-processing: decide about all faces of a source together.

It finds transient detections and faces above the per-frame cap, and names the subjects. It reads narrow columns only,
so the other columns may stay on the disk.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.faces.quality import Standard
from fertools.ingestion.face_filter import FaceFilter
from fertools.ingestion.frame_cap import OVER_CAP, find_over_cap
from fertools.ingestion.plan import Source
from fertools.ingestion.subjects import find_transient, find_weak, name_subjects
from fertools.manifests import store

WEAK = "weak_track"
"""Reason of a face whose track is short and never reaches the score of a certain face."""
TRANSIENT = "single_frame"
"""Reason of a face that is in a single frame of its track, next to a face that lasts."""

NONE_KEPT = "no face was kept"
"""Beginning of the reason of a source whose faces are all rejected."""

Mask = NDArray[np.bool_]


def postprocess(source: Source, faces: pa.Table, face_filter: FaceFilter) -> pa.Table:
    """Return the faces of a source with their status, reason and subject.

    The former values of these columns do not matter, so the decision can be repeated.

    Args:
        source: source of the faces.
        faces: rows of FACES.
        face_filter: conditions for kept faces.
    """
    column = pa.array(face_filter.rejection_reasons(faces), pa.string())
    status = pc.if_else(pc.is_valid(column), "rejected", "kept")
    faces = store.replace_columns(faces, {"status": status, "reason": column})
    if source.kind == "image":
        return postprocess_image(source, faces, face_filter.max_faces)
    return postprocess_video(source, faces, face_filter.max_faces, face_filter.standard)


def none_kept_reason(faces: pa.Table) -> str | None:
    """Return the most frequent reason if all faces of a source are rejected; None if one is kept, or there is none."""
    if not len(faces) or pc.any(pc.equal(faces["status"], "kept")).as_py():
        return None
    (reason, count), *_ = Counter(faces["reason"].to_pylist()).most_common(1)
    return f"{NONE_KEPT}: {count:,} of {len(faces):,} were rejected as {reason}"


def join_reasons(*reasons: str | None) -> str | None:
    """Return reasons as one text; None if there are none."""
    return "; ".join(filter(None, reasons)) or None


def updated_reason(reason: str | None, faces: pa.Table) -> str | None:
    """Return the reason of a source after its faces were decided again."""
    others = [part for part in (reason or "").split("; ") if not part.startswith(NONE_KEPT)]
    return join_reasons(*others, none_kept_reason(faces))


def postprocess_image(source: Source, faces: pa.Table, most: int | None) -> pa.Table:
    """Return the faces of a picture with their subjects, and reject faces above the cap.

    Two faces in one picture are two people, and the path of the picture names at most one of them. A rejected detection
    next to a kept face is most often a false alarm.

    Args:
        source: the picture.
        faces: rows of FACES.
        most: maximum number of faces per frame; None for any number.
    """
    faces = _reject(faces, _over_cap(faces, most), OVER_CAP)
    kept = _kept(faces)
    candidates = np.flatnonzero(kept if kept.any() else np.ones(len(faces), np.bool_))
    named = [source.subject_id if [place] == candidates.tolist() else None for place in range(len(faces))]
    return _name(faces, named, source.subject_origin)


def postprocess_video(source: Source, faces: pa.Table, most: int | None, standard: Standard) -> pa.Table:
    """Return the faces of a video with their subjects; reject transient and weak faces, and those above the cap.

    Args:
        source: the video.
        faces: rows of FACES.
        most: maximum number of faces per frame; None for any number.
        standard: conditions that a track must meet.
    """
    frames, tracks = _numbers(faces, "frame_index"), _numbers(faces, "track_id")
    interpolated = np.asarray(faces["interpolated"].to_numpy(), np.bool_)
    if standard.drop_transient:
        faces = _reject(faces, find_transient(frames, tracks, _kept(faces), interpolated), TRANSIENT)
    scores = np.asarray(faces["det_score"].to_numpy(), np.float32)
    faces = _reject(faces, find_weak(tracks, scores, _kept(faces), interpolated, standard), WEAK)
    faces = _reject(faces, _over_cap(faces, most), OVER_CAP)
    return _name(faces, *name_subjects(source, frames, _numbers(faces, "shot_id"), tracks, _kept(faces), interpolated))


def _over_cap(faces: pa.Table, most: int | None) -> Mask:
    sizes_px = np.asarray(faces["face_px"].to_numpy(), np.float32)
    return find_over_cap(_numbers(faces, "frame_index"), sizes_px, _kept(faces), most)


def _reject(faces: pa.Table, which: Mask, reason: str) -> pa.Table:
    if not which.any():
        return faces
    mask = pa.array(which)
    columns: dict[str, Any] = {"status": pc.if_else(mask, "rejected", faces["status"])}
    columns["reason"] = pc.if_else(mask, reason, faces["reason"])
    return store.replace_columns(faces, columns)


def _name(faces: pa.Table, subjects: list[str | None], origin: str | None) -> pa.Table:
    named = pa.array(subjects, pa.string())
    origins = pc.if_else(pc.is_valid(named), pa.scalar(origin, pa.string()), pa.scalar(None, pa.string()))
    return store.replace_columns(faces, {"subject_id": named, "subject_origin": origins})


def _kept(faces: pa.Table) -> Mask:
    return np.asarray(pc.equal(faces["status"], "kept").to_numpy(), np.bool_)


def _numbers(faces: pa.Table, name: str) -> NDArray[np.int64]:
    return np.asarray(faces[name].to_numpy(), np.int64)
