"""Invariants of tracked faces: position in the video, time, smoothing and interpolation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.validation_context import (
    SOURCE_NUMBER,
    ValidationContext,
    is_true,
    source_numbers,
    valid,
    violating_faces,
)


def placeless_faces(context: ValidationContext) -> Sequence[str]:
    """Find faces of videos without a frame, shot or track number, and other real faces without a frame number."""
    filmed = np.asarray(pc.fill_null(pc.equal(context.of_source("kind"), "video"), False), np.bool_)
    real = ~valid(context.faces, "parent_id")
    placed = valid(context.faces, "shot_id") & valid(context.faces, "track_id")
    lacking = (filmed & ~placed) | ~valid(context.faces, "frame_index")
    return violating_faces(context, real & lacking)


def backward_times(context: ValidationContext) -> Sequence[str]:
    """Find faces with an earlier time than a previous frame of their source, or another time than their own frame."""
    timed = np.flatnonzero(valid(context.faces, "pts_s"))
    source = source_numbers(context)[timed]
    frame = pc.fill_null(context.faces["frame_index"], -1).to_numpy()[timed]
    time_s = context.faces["pts_s"].to_numpy()[timed]
    order = np.lexsort((time_s, frame, source))
    source, frame, time_s = source[order], frame[order], time_s[order]
    same_source, same_frame = source[1:] == source[:-1], frame[1:] == frame[:-1]
    with np.errstate(invalid="ignore"):
        step_s = time_s[1:] - time_s[:-1]
    wrong = ~np.isfinite(time_s)
    wrong[1:] |= same_source & ((step_s < 0) | (same_frame & (step_s != 0)))
    broken = np.zeros(len(context.faces), np.bool_)
    broken[timed[order[wrong]]] = True
    return violating_faces(context, broken)


def trackless_smoothing(context: ValidationContext) -> Sequence[str]:
    """Find smoothed landmarks of faces without a track, and of faces neither detected nor interpolated."""
    grounded = valid(context.faces, "track_id") & (
        valid(context.faces, "landmarks") | is_true(context.faces, "interpolated")
    )
    return violating_faces(context, valid(context.faces, "landmarks_smoothed") & ~grounded)


def seen_between(context: ValidationContext) -> Sequence[str]:
    """Find interpolated faces with a detector score or detected landmarks, or without smoothed landmarks."""
    claims = valid(context.faces, "det_score") | valid(context.faces, "landmarks")
    return violating_faces(
        context, is_true(context.faces, "interpolated") & (claims | ~valid(context.faces, "landmarks_smoothed"))
    )


def lost_between(context: ValidationContext) -> Sequence[str]:
    """Find interpolated faces that do not lie between two detected faces of their track and shot."""
    interpolated, numbers = is_true(context.faces, "interpolated"), source_numbers(context)
    # Only sources with interpolated faces matter, and many datasets have none.
    having = np.zeros(numbers.max(initial=0) + 1, np.bool_)
    having[numbers[interpolated]] = True
    rows = np.flatnonzero(having[numbers] & ~valid(context.faces, "parent_id"))
    wanted = [SOURCE_NUMBER, "shot_id", "track_id", "frame_index", "interpolated"]
    faces = context.faces.select(wanted).take(pa.array(rows))
    columns = faces.append_column("row", pa.array(rows))
    detected = columns.filter(pc.invert(columns["interpolated"]))
    spans = detected.group_by([SOURCE_NUMBER, "shot_id", "track_id"]).aggregate(
        [("frame_index", "min"), ("frame_index", "max")]
    )
    between = columns.filter(columns["interpolated"]).join(spans, [SOURCE_NUMBER, "shot_id", "track_id"])
    frame = between["frame_index"]
    inside = pc.and_(pc.greater(frame, between["frame_index_min"]), pc.less(frame, between["frame_index_max"]))
    places = [SOURCE_NUMBER, "track_id", "frame_index"]
    twice = between.join(detected.select(places), places, join_type="left semi")
    broken = np.zeros(len(context.faces), np.bool_)
    broken[between["row"].filter(pc.invert(pc.fill_null(inside, False))).to_numpy()] = True
    broken[twice["row"].to_numpy()] = True
    return violating_faces(context, broken)
