"""Publish ratings: write the consensus of raters into the manifest, one value per face.

The log does not change. The same log and the same settings always give the same manifest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.annotations.consensus import METHODS, Consensus, Method, fuse, majority
from fertools.annotations.current import current_annotations
from fertools.annotations.log import RatingLog
from fertools.annotations.matrix import (
    AXES,
    MAX_GAP_S,
    Floats,
    Integers,
    choose_raters,
    face_ratings,
    read_trace,
    split_traces,
)
from fertools.annotations.prior import ORIGIN as PRIOR
from fertools.annotations.prior import VA_COLUMNS, without_priors
from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import HtmlFields
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.manifests.change import changing, differs
from fertools.manifests.schema import FACES, LABEL_COLUMNS

ORIGIN = "people"
"""`va_origin` and `emotion_origin` of published labels."""
MOST_LAG_S = 10.0
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PublishSummary(HtmlFields):
    """The result of `publish`.

    Attributes:
        method: method of the consensus.
        lag_s: assumed reaction time of raters in traces, in seconds.
        raters: names of the raters.
        answers: number of rows of `annotations/ratings.parquet`.
        rated: number of faces with the raters' valence and arousal.
        from_traces: number of these faces with a value from a trace.
        named: number of faces with the raters' expression.
        ties: number of faces without an expression because of a tie.
        half: number of faces with a rating of only one axis, which is not published.
        shared_frames: number of faces without a value from a trace, because their frame has other faces.
        kept_va: number of faces that keep valence and arousal of another origin; `overwrite` replaces them.
        kept_emotions: number of faces that keep an expression of another origin; `overwrite` replaces it.
        priors_dropped: number of faces that lost their prior because their expression changed.
        withdrawn: number of faces whose published values were removed, because their ratings were undone.
        changed: number of faces whose row in the manifest changed.
        weights: weights of the method `ewe`, by axis and rater.
    """

    method: str
    lag_s: float
    raters: tuple[str, ...]
    answers: int
    rated: int
    from_traces: int
    named: int
    ties: int
    half: int
    shared_frames: int
    kept_va: int
    kept_emotions: int
    priors_dropped: int
    withdrawn: int
    changed: int
    weights: dict[str, dict[str, float]]


def publish(
    workspace: WorkspaceLike,
    *,
    method: Method = "mean",
    lag_s: float = 0.0,
    raters: Sequence[str] = (),
    overwrite: bool = False,
) -> PublishSummary:
    """Write all current annotations to `annotations/ratings.parquet`, and their consensus into the manifest.

    A rater counts with the rating of the face. Without one, the rater counts with the trace of the video at the time of
    the frame plus `lag_s`, if the frame has no other kept face. Ratings replace priors. Labels from the dataset or from
    a table stay, unless `overwrite` is set.

    Args:
        workspace: the workspace of the log and the manifest.
        method: one of METHODS; see `fertools.annotations.consensus`.
        lag_s: reaction time of raters in seconds, from 0 to MOST_LAG_S.
        raters: names of the raters to publish; empty for all.
        overwrite: replace labels from the dataset or from a table, too.

    Raises:
        InputError: there is no log or no annotation, a rater or the method is unknown, the lag is out of range, or
            weights cannot be computed.
    """
    workspace = Workspace(workspace)
    if method not in METHODS:
        raise InputError(f"there is no method '{method}'; methods are {', '.join(METHODS)}")
    if not (math.isfinite(lag_s) and 0 <= lag_s <= MOST_LAG_S):
        raise InputError(f"{argument('lag_s')} {lag_s} is not a number of seconds from 0 to {MOST_LAG_S:g}")
    with changing(workspace, "publishing ratings") as faces, RatingLog(workspace.ratings_log, existing=True) as log:
        table = current_annotations(log, workspace)
        chosen = choose_raters(table, raters)
        if not chosen:
            raise InputError(f"nobody has answered yet in {workspace.ratings_log}; rate faces first")
        ratings = _gather(faces, table, chosen, lag_s)
        fused = {axis: fuse(ratings.by_axis[axis], chosen, method, axis) for axis in AXES}
        after, counts = _applied(faces, ratings, fused, overwrite)
        summary = PublishSummary(
            method=method,
            lag_s=lag_s,
            raters=chosen,
            answers=len(table),
            changed=int(differs(faces, after, LABEL_COLUMNS).sum()),
            weights={axis: one.weights for axis, one in fused.items() if one.weights is not None},
            **counts,
        )
        with files.replacing(workspace.ratings) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        # The settings are written first, so that the manifest never has values without recorded settings.
        workspace.save_settings("publication", _settings(summary, overwrite))
        if summary.changed:
            store.write_table(workspace.manifest, FACES, after)
    return summary


def _settings(summary: PublishSummary, overwrite: bool) -> dict[str, Any]:
    return {
        "method": summary.method,
        "lag_s": summary.lag_s,
        "max_gap_s": MAX_GAP_S,
        "raters": list(summary.raters),
        "overwrite": overwrite,
        "weights": summary.weights or None,
    }


@dataclass(frozen=True)
class _Ratings:
    """The ratings of N faces of the manifest by K raters.

    Attributes:
        by_axis: N x K ratings of each axis, NaN where one is missing.
        emotion: N x K positions in `labels`, -1 where a label is missing.
        labels: the chosen expressions.
        traced: N Booleans, whether a trace gave a value.
        shared: N Booleans, whether a trace was ignored because the frame has other faces.
    """

    by_axis: dict[str, Floats]
    emotion: Integers
    labels: tuple[str, ...]
    traced: Mask
    shared: Mask


def _gather(faces: pa.Table, table: pa.Table, raters: Sequence[str], lag_s: float) -> _Ratings:
    clicked = face_ratings(table, raters)
    shape = (len(faces), len(raters))
    place = pc.index_in(pa.array(clicked.items["face_id"], pa.string()), value_set=faces["face_id"].combine_chunks())
    # A rated face may have left the manifest in the meantime.
    there = pc.is_valid(place).to_numpy(zero_copy_only=False)
    rows = pc.fill_null(place, 0).to_numpy(zero_copy_only=False)[there]
    by_axis = {axis: np.full(shape, np.nan) for axis in AXES}
    for axis in AXES:
        by_axis[axis][rows] = clicked.by_axis[axis][there]
    emotion = np.full(shape, -1, np.int64)
    emotion[rows] = clicked.emotion[there]
    traced, shared = np.zeros(len(faces), bool), np.zeros(len(faces), bool)
    frame = faces.select(["source_id", "frame_index", "pts_s", "status"]).to_pandas()
    kept = frame[(frame["status"] == "kept") & frame["pts_s"].notna()]
    alone = ~kept.duplicated(["source_id", "frame_index"], keep=False)
    rows_of: dict[str, pd.Index[int]] = {str(source): group.index for source, group in kept.groupby("source_id")}
    for (rater, source_id), trace in split_traces(table, raters).items():
        if source_id not in rows_of:
            continue
        rows, column = rows_of[source_id].to_numpy(), list(raters).index(rater)
        single = alone.loc[rows].to_numpy(bool)
        for axis in AXES:
            values = read_trace(trace, axis, kept.loc[rows, "pts_s"].to_numpy(np.float64) + lag_s)
            missing = np.isnan(by_axis[axis][rows, column]) & np.isfinite(values)
            shared[rows[missing & ~single]] = True
            taken = missing & single
            by_axis[axis][rows[taken], column] = values[taken]
            traced[rows[taken]] = True
    return _Ratings(by_axis, emotion, clicked.labels, traced, shared)


def _applied(
    faces: pa.Table, ratings: _Ratings, fused: dict[str, Consensus], overwrite: bool
) -> tuple[pa.Table, dict[str, Any]]:
    valence, arousal = fused["valence"], fused["arousal"]
    there = {axis: np.isfinite(one.fused) for axis, one in fused.items()}
    rated = there["valence"] & there["arousal"]
    theirs = {name: _may_replace(faces, name) for name in ("va_origin", "emotion_origin")}
    given = rated & (overwrite | theirs["va_origin"])
    before = _equals(faces["va_origin"], ORIGIN)
    columns = {
        "valence": valence.fused,
        "arousal": arousal.fused,
        "va_raters": np.minimum(valence.raters, arousal.raters),
        "valence_spread": valence.spread,
        "arousal_spread": arousal.spread,
    }
    after = faces
    # Published values without a current rating are removed.
    after = _put(after, dict.fromkeys(VA_COLUMNS), before & ~given)
    after = _put(after, {**columns, "va_origin": ORIGIN}, given)
    codes, tied = majority(ratings.emotion, len(ratings.labels))
    named = (codes >= 0) & (overwrite | theirs["emotion_origin"])
    was_named = _equals(faces["emotion_origin"], ORIGIN)
    after = _put(after, {"emotion": None, "emotion_origin": None}, was_named & ~named)
    names = np.array([*ratings.labels, None], object)[codes]
    after = _put(after, {"emotion": names, "emotion_origin": ORIGIN}, named)
    moved = differs(faces, after, ("emotion",))
    dropped = moved & _equals(after["va_origin"], PRIOR)
    if dropped.any():
        after = without_priors(after, pa.chunked_array([pa.array(moved)]))
    counts = {
        "rated": int(given.sum()),
        "from_traces": int((given & ratings.traced).sum()),
        "named": int(named.sum()),
        "ties": int(tied.sum()),
        "half": int((there["valence"] != there["arousal"]).sum()),
        "shared_frames": int(ratings.shared.sum()),
        "kept_va": int((rated & ~given).sum()),
        "kept_emotions": int(((codes >= 0) & ~named).sum()),
        "priors_dropped": int(dropped.sum()),
        "withdrawn": int((before & ~given).sum() + (was_named & ~named).sum()),
    }
    return after, counts


def _may_replace(faces: pa.Table, name: str) -> Mask:
    """Return which rows ratings may fill: those without a value, with a prior, or with published ratings."""
    free = pc.or_(pc.is_null(faces[name]), pc.is_in(faces[name], value_set=pa.array([PRIOR, ORIGIN])))
    return np.asarray(free.to_numpy(), np.bool_)


def _equals(column: pa.ChunkedArray, value: str) -> Mask:
    return np.asarray(pc.fill_null(pc.equal(column, value), False).to_numpy(), np.bool_)


def _put(faces: pa.Table, columns: dict[str, Any], chosen: Mask) -> pa.Table:
    """Return `faces` with some columns replaced in the chosen rows; NaN becomes null."""
    for name, values in columns.items():
        field = faces.schema.field(name)
        if values is None or isinstance(values, str):
            new: Any = pa.scalar(values, field.type)
        else:
            new = pa.array(values, field.type, from_pandas=True)
        merged = pc.if_else(pa.array(chosen), new, faces[name])
        faces = faces.set_column(faces.schema.get_field_index(name), field, merged)
    return faces
