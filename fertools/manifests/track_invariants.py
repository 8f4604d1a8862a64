"""Invariants of tracked faces: position in the video, time, smoothing and interpolation."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from fertools.manifests import nested
from fertools.manifests.schema import FACES
from fertools.manifests.validation_context import (
    ValidationContext,
    is_among,
    is_true,
    valid,
    violating_faces,
    violating_ids,
)


def placeless_faces(context: ValidationContext) -> list[str]:
    """Find faces of videos without a frame, shot or track number, and other real faces without a frame number."""
    videos = context.sources["source_id"].filter(pc.equal(context.sources["kind"], "video")).combine_chunks()
    real = ~valid(context.faces, "parent_id")
    placed = valid(context.faces, "shot_id") & valid(context.faces, "track_id")
    lacking = (is_among(context.faces, "source_id", videos) & ~placed) | ~valid(context.faces, "frame_index")
    return violating_faces(context, real & lacking)


def backward_times(context: ValidationContext) -> list[str]:
    """Find faces with an earlier time than a previous frame of their source, or another time than their own frame."""
    columns = ["face_id", "source_id", "frame_index", "pts_s"]
    timed = context.faces.select(columns).filter(pc.is_valid(context.faces["pts_s"]))
    timed = timed.sort_by([("source_id", "ascending"), ("frame_index", "ascending"), ("pts_s", "ascending")])
    source = pc.dictionary_encode(timed["source_id"]).combine_chunks().indices.to_numpy()
    frame = pc.fill_null(timed["frame_index"], -1).to_numpy()
    time_s = timed["pts_s"].to_numpy()
    same_source, same_frame = source[1:] == source[:-1], frame[1:] == frame[:-1]
    step_s = time_s[1:] - time_s[:-1]
    broken = np.zeros(len(timed), np.bool_)
    broken[1:] = same_source & ((step_s < 0) | (same_frame & (step_s != 0)))
    broken |= ~np.isfinite(time_s)
    return violating_ids(timed, FACES, broken)


def trackless_smoothing(context: ValidationContext) -> list[str]:
    """Find smoothed landmarks of faces without a track, and of faces neither detected nor interpolated."""
    grounded = valid(context.faces, "track_id") & (
        valid(context.faces, "landmarks") | is_true(context.faces, "interpolated")
    )
    return violating_faces(context, valid(context.faces, "landmarks_smoothed") & ~grounded)


def seen_between(context: ValidationContext) -> list[str]:
    """Find interpolated faces with a detector score or detected landmarks, or without smoothed landmarks."""
    claims = valid(context.faces, "det_score") | valid(context.faces, "landmarks")
    return violating_faces(
        context, is_true(context.faces, "interpolated") & (claims | ~valid(context.faces, "landmarks_smoothed"))
    )


def lost_between(context: ValidationContext) -> list[str]:
    """Find interpolated faces that do not lie between two detected faces of their track and shot."""
    faces = nested.keep(context.faces, pc.is_null(context.faces["parent_id"]))
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
    return sorted({*violating_ids(between, FACES, broken), *map(str, twice["face_id"].to_pylist())})
