"""Ratings as matrices: one row per item, one column per rater, NaN where a rating is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

AXES = ("valence", "arousal")
MAX_GAP_S = 1.0
"""Maximum gap in seconds between two samples over which a trace is interpolated."""


@dataclass(frozen=True)
class Ratings:
    """Ratings of the same N items by K raters.

    Attributes:
        raters: names of the raters, sorted.
        items: one row per item, sorted by source and frame: `face_id` (null for a traced frame), `source_id`,
            `frame_index` and `pts_s`.
        by_axis: N x K ratings of `valence` and of `arousal`, NaN where one is missing.
        emotion: N x K positions in `labels`, -1 where a label is missing.
        labels: the chosen expressions, sorted.
    """

    raters: tuple[str, ...]
    items: pd.DataFrame
    by_axis: dict[str, Floats]
    emotion: Integers
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def videos(self) -> Integers:
        """The number of each item's source, from 0 and ascending; an item without a source is a source of its own."""
        return np.asarray(pd.factorize(self.items["source_id"].fillna(self.items["face_id"]))[0], np.int64)


def run_starts(codes: Integers) -> Integers:
    """Return the first row of each run of equal numbers."""
    return np.flatnonzero(np.diff(codes, prepend=-1)).astype(np.int64)


def choose_raters(current: pa.Table, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the sorted names of the raters: all, or `wanted`.

    Args:
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        wanted: names of raters; empty for all.

    Raises:
        InputError: one of `wanted` has no annotations.
    """
    there = sorted(pc.unique(current["rater"]).to_pylist())
    for rater in wanted:
        if rater not in there:
            known = f"answers are by {', '.join(there)}" if there else "nobody has answered yet"
            raise InputError(f"there is no answer by a rater '{rater}'; {known}")
    return tuple(sorted(set(wanted))) if wanted else tuple(there)


def face_ratings(current: pa.Table, raters: Sequence[str]) -> Ratings:
    """Return the ratings of faces.

    A face of the calibration set counts with the first rating, given before its known rating was shown. Its repeated
    rating does not count.

    Args:
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        raters: names of the raters.
    """
    chosen = pc.and_(pc.equal(current["kind"], "face"), pc.is_in(current["rater"], value_set=pa.array(raters)))
    table = current.filter(pc.and_(chosen, pc.not_equal(current["part"], "repeat")))
    # The later of two assignments to one cell wins, which must be the one of the main part.
    table = table.take(pc.sort_indices(table, sort_keys=[("part", "ascending")]))
    rows = _codes(table["face_id"])
    columns = np.asarray(pc.index_in(table["rater"], value_set=pa.array(raters)).to_numpy(), np.int64)
    shape = (int(rows.max(initial=-1)) + 1, len(raters))
    values = {}
    for axis in AXES:
        given = table[axis].to_numpy()
        cells = np.full(shape, np.nan)
        known = ~np.isnan(given)
        cells[rows[known], columns[known]] = given[known]
        values[axis] = cells
    labels = sorted(pc.unique(table["emotion"].drop_null()).to_pylist())
    named = pc.fill_null(pc.index_in(table["emotion"], value_set=pa.array(labels, pa.string())), -1).to_numpy()
    emotion = np.full(shape, -1, np.int64)
    emotion[rows[named >= 0], columns[named >= 0]] = named[named >= 0]
    first = np.full(shape[0], 0, np.int64)
    first[rows[::-1]] = np.arange(len(rows))[::-1]
    items = table.select(["face_id", "source_id", "frame_index", "pts_s"]).take(first).to_pandas()
    order = np.lexsort((items["face_id"], items["frame_index"].fillna(-1), items["source_id"].fillna("")))
    order = order[(emotion[order] >= 0).any(axis=1) | np.isfinite(values["valence"][order]).any(axis=1)]
    return Ratings(
        tuple(raters),
        items.iloc[order].reset_index(drop=True),
        {axis: cells[order] for axis, cells in values.items()},
        emotion[order],
        tuple(labels),
    )


def trace_ratings(current: pa.Table, raters: Sequence[str], *, lag_s: float = 0.0) -> Ratings:
    """Return the ratings of frames from traces.

    A browser skips some frames, and different ones for each rater. Therefore each trace is interpolated linearly at
    every frame that any rater saw, unless its samples are more than MAX_GAP_S apart.

    Args:
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        raters: names of the raters.
        lag_s: reaction time of raters in seconds; a frame gets the value of that much later.
    """
    traces = split_traces(current, raters)
    frames = pd.concat([trace[["source_id", "frame_index", "pts_s"]] for trace in traces.values()] or [_no_frames()])
    items = frames.drop_duplicates(["source_id", "frame_index"]).sort_values(
        ["source_id", "frame_index"], ignore_index=True
    )
    values = {axis: np.full((len(items), len(raters)), np.nan) for axis in AXES}
    times = items["pts_s"].to_numpy(np.float64)
    names = items["source_id"].to_numpy(object)
    starts = run_starts(np.asarray(pd.factorize(items["source_id"])[0], np.int64))
    span = {
        names[start]: slice(start, stop)
        for start, stop in zip(starts.tolist(), [*starts.tolist()[1:], len(items)], strict=False)
    }
    for (rater, source_id), trace in traces.items():
        rows, column = span[source_id], raters.index(rater)
        for axis in AXES:
            values[axis][rows, column] = read_trace(trace, axis, times[rows] + lag_s)
    items.insert(0, "face_id", pd.Series([None] * len(items), dtype=object))
    return Ratings(tuple(raters), items, values, np.full((len(items), len(raters)), -1, np.int64), ())


def split_traces(current: pa.Table, raters: Sequence[str]) -> dict[tuple[str, str], pd.DataFrame]:
    """Return the traced frames, sorted by frame, of each rater and source."""
    chosen = pc.and_(pc.equal(current["kind"], "trace"), pc.is_in(current["rater"], value_set=pa.array(raters)))
    table = current.filter(chosen).select(["rater", "source_id", "frame_index", "pts_s", *AXES]).to_pandas()
    return {
        (str(rater), str(source)): trace.sort_values("frame_index")
        for (rater, source), trace in table.groupby(["rater", "source_id"], sort=True)
    }


def read_trace(trace: pd.DataFrame, axis: str, times_s: Floats) -> Floats:
    """Return one axis of a trace at other times; NaN outside of the trace and in gaps longer than MAX_GAP_S.

    Args:
        trace: a table with `pts_s` and the axis, sorted by time.
        axis: `valence` or `arousal`.
        times_s: N times in seconds.
    """
    known = trace[axis].notna().to_numpy() & trace["pts_s"].notna().to_numpy()
    times, values = trace["pts_s"].to_numpy(np.float64)[known], trace[axis].to_numpy(np.float64)[known]
    if not len(times):
        return np.full(len(times_s), np.nan)
    read: Floats = np.interp(times_s, times, values, left=np.nan, right=np.nan)
    after = np.searchsorted(times, times_s, side="left").clip(0, len(times) - 1)
    before = np.where(times[after] == times_s, after, after - 1).clip(0)
    return np.where(times[after] - times[before] > MAX_GAP_S, np.nan, read)


def first_differences(ratings: Ratings) -> Ratings:
    """Return the changes of each rater's values from frame to frame within a video.

    Raters with different offsets agree in these differences if they react at the same times.
    """
    source = pd.factorize(ratings.items["source_id"])[0]
    inside = np.flatnonzero(np.diff(source) == 0)
    values = {axis: cells[inside + 1] - cells[inside] for axis, cells in ratings.by_axis.items()}
    items = ratings.items.iloc[inside + 1].reset_index(drop=True)
    return Ratings(ratings.raters, items, values, np.full((len(items), len(ratings.raters)), -1, np.int64), ())


def _codes(names: pa.ChunkedArray) -> Integers:
    encoded = names.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)


def _no_frames() -> pd.DataFrame:
    return pd.DataFrame(
        {"source_id": pd.Series(dtype=object), "frame_index": pd.Series(dtype="i4"), "pts_s": pd.Series(dtype="f8")}
    )
