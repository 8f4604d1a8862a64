"""What must be true of faces that were followed through a video: their place, time, smoothing and interpolation."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from fertools.manifests import nested
from fertools.manifests.schema import FACES
from fertools.manifests.validation_context import Evidence, faces_of, is_among, is_true, names_of, valid


def placeless_faces(evidence: Evidence) -> list[str]:
    """Find faces of videos that lack a frame, shot or track, and real faces without a frame."""
    videos = evidence.sources["source_id"].filter(pc.equal(evidence.sources["kind"], "video")).combine_chunks()
    real = ~valid(evidence.faces, "parent_id")
    placed = valid(evidence.faces, "shot_id") & valid(evidence.faces, "track_id")
    lacking = (is_among(evidence.faces, "source_id", videos) & ~placed) | ~valid(evidence.faces, "frame_index")
    return faces_of(evidence, real & lacking)


def backward_times(evidence: Evidence) -> list[str]:
    """Find faces whose presentation time is before that of an earlier frame of their source, or differs within one."""
    columns = ["face_id", "source_id", "frame_index", "pts_s"]
    timed = evidence.faces.select(columns).filter(pc.is_valid(evidence.faces["pts_s"]))
    timed = timed.sort_by([("source_id", "ascending"), ("frame_index", "ascending"), ("pts_s", "ascending")])
    source = pc.dictionary_encode(timed["source_id"]).combine_chunks().indices.to_numpy()
    frame = pc.fill_null(timed["frame_index"], -1).to_numpy()
    time_s = timed["pts_s"].to_numpy()
    same_source, same_frame = source[1:] == source[:-1], frame[1:] == frame[:-1]
    step_s = time_s[1:] - time_s[:-1]
    broken = np.zeros(len(timed), np.bool_)
    broken[1:] = same_source & ((step_s < 0) | (same_frame & (step_s != 0)))
    broken |= ~np.isfinite(time_s)
    return names_of(timed, FACES, broken)


def trackless_smoothing(evidence: Evidence) -> list[str]:
    """Find smoothed landmarks of faces without a track, and of faces with neither landmarks nor interpolation."""
    grounded = valid(evidence.faces, "track_id") & (
        valid(evidence.faces, "landmarks") | is_true(evidence.faces, "interpolated")
    )
    return faces_of(evidence, valid(evidence.faces, "landmarks_smoothed") & ~grounded)


def seen_between(evidence: Evidence) -> list[str]:
    """Find interpolated faces that claim to be detected, by a score or landmarks, or say not where their points are."""
    claims = valid(evidence.faces, "det_score") | valid(evidence.faces, "landmarks")
    return faces_of(
        evidence, is_true(evidence.faces, "interpolated") & (claims | ~valid(evidence.faces, "landmarks_smoothed"))
    )


def lost_between(evidence: Evidence) -> list[str]:
    """Find interpolated faces that do not lie between two detected ones of their track and shot."""
    faces = nested.keep(evidence.faces, pc.is_null(evidence.faces["parent_id"]))
    if not pc.any(faces["interpolated"]).as_py():
        return []
    columns = faces.select(["face_id", "source_id", "shot_id", "track_id", "frame_index", "interpolated"])
    detected = columns.filter(pc.invert(columns["interpolated"]))
    spans = detected.group_by(["source_id", "shot_id", "track_id"]).aggregate(
        [("frame_index", "min"), ("frame_index", "max")]
    )
    between = columns.filter(columns["interpolated"]).join(spans, ["source_id", "shot_id", "track_id"])
    frame = between["frame_index"]
    inside = pc.and_(pc.greater(frame, between["frame_index_min"]), pc.less(frame, between["frame_index_max"]))
    broken = ~np.asarray(pc.fill_null(inside, False).to_numpy(), np.bool_)
    places = ["source_id", "track_id", "frame_index"]
    twice = between.join(detected.select(places), places, join_type="left semi")
    return sorted({*names_of(between, FACES, broken), *map(str, twice["face_id"].to_pylist())})
