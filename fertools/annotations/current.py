"""The current annotations of each rater for each face and each traced frame: a replay of the log.

A later event replaces an earlier one, and an undone event does not count. A take replaces the older trace between its
first and last frame. Nothing is averaged over raters or shifted in time here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.event_table import KINDS, RatingEvents, read_rating_events
from fertools.annotations.events import FLAGS
from fertools.annotations.log import RatingLog
from fertools.annotations.traces import replay_traces
from fertools.core.workspace import Workspace
from fertools.manifests import store

CURRENT_SCHEMA = pa.schema(
    [
        pa.field("rater", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # face: rating of a picture; trace: of a playing video
        pa.field("part", pa.string(), nullable=False),  # calibration, main or repeat; see events.PARTS
        pa.field("source_id", pa.string()),
        pa.field("face_id", pa.string()),  # null for a trace, which concerns the whole frame
        pa.field("frame_index", pa.int32()),
        pa.field("pts_s", pa.float64()),  # of the manifest; of the browser for a traced frame without a face
        pa.field("valence", pa.float64()),
        pa.field("arousal", pa.float64()),
        pa.field("emotion", pa.string()),
        pa.field("flags", pa.list_(pa.string()), nullable=False),  # of events.FLAGS, in that order
        pa.field("note", pa.string()),
        pa.field("identical", pa.bool_(), nullable=False),  # copied from a near-identical frame
        pa.field("accepted", pa.bool_(), nullable=False),  # the suggestion was accepted unchanged
        pa.field("suggestion", pa.string()),  # shown or hidden; null without a suggestion
        pa.field("event_id", pa.string()),  # the rating or take that gave valence and arousal
        pa.field("emotion_event_id", pa.string()),
        pa.field("done_ms", pa.int64()),  # time of the last active event, in milliseconds since 1970
    ]
)
"""The columns of `current_annotations`: one row per rater, part and face, and one per rater and traced frame."""

Integers = npt.NDArray[np.int64]


def current_annotations(log: RatingLog, workspace: Workspace | None = None) -> pa.Table:
    """Return the current annotations of all raters, with the columns of CURRENT_SCHEMA.

    Args:
        log: the log of rating events.
        workspace: the workspace whose manifest gives `source_id`, `frame_index` and `pts_s` of faces. None leaves these
            null for faces, and gives frames of traces the browser's media time.

    Returns:
        One row per rater, part and face with a rating or a flag, then one row per rater, source and traced frame; both
        sorted by these columns.
    """
    undone = log.undone()
    places = _places(workspace)
    faces, traces = current_face_annotations(log, undone), replay_traces(log, undone)
    row = pc.index_in(faces["face_id"], value_set=places["face_id"])
    for name in ("source_id", "frame_index", "pts_s"):
        faces = faces.set_column(faces.column_names.index(name), name, places[name].take(row))
    traces["pts_s"] = _times_of(traces, places.to_pandas())
    traced = {str(name): _array(traces[name]) for name in traces if name in CURRENT_SCHEMA.names}
    main, trace = pa.repeat("main", len(traces)), pa.repeat("trace", len(traces))
    return pa.concat_tables([faces, _table({**traced, "kind": trace, "part": main}, len(traces))])


def _table(columns: dict[str, pa.Array | pa.ChunkedArray], count: int) -> pa.Table:
    """Return a table of `count` rows with the columns of CURRENT_SCHEMA; missing ones are null, false or empty."""
    usual: dict[str, pa.Array] = {"flags": _lists_of_flags(np.zeros((count, len(FLAGS)), bool))}
    usual |= {name: pa.array(np.zeros(count, bool)) for name in ("identical", "accepted")}
    found = {
        field.name: columns.get(field.name, usual.get(field.name, pa.nulls(count, field.type))).cast(field.type)
        for field in CURRENT_SCHEMA
    }
    return pa.table(found, schema=CURRENT_SCHEMA)


def _array(values: pd.Series) -> pa.Array:
    return pa.array(values, from_pandas=True)


def _places(workspace: Workspace | None) -> pa.Table:
    """Return source, frame and time of the faces; an empty table without a workspace."""
    columns = ["face_id", "source_id", "frame_index", "pts_s"]
    if workspace is None:
        return pa.schema([CURRENT_SCHEMA.field(name) for name in columns]).empty_table()
    return store.read_faces(workspace, columns)


def _times_of(traces: pd.DataFrame, places: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the time of each traced frame from the manifest, or from the browser if the frame has no face."""
    sources = pd.Categorical(traces["source_id"])
    # One integer per source and frame, because a join on strings takes longer than everything else.
    source = sources.categories.get_indexer(pd.Index(places["source_id"])).astype(np.int64)
    known = (source >= 0) & places["pts_s"].notna().to_numpy() & places["frame_index"].notna().to_numpy()
    keys = source[known] * 2**32 + places["frame_index"].to_numpy(np.float64)[known].astype(np.int64)
    keys, first = np.unique(keys, return_index=True)
    times_s = places["pts_s"].to_numpy(np.float64)[known][first]
    wanted = sources.codes.astype(np.int64) * 2**32 + traces["frame_index"].to_numpy(np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    found = keys[place] == wanted if len(keys) else np.zeros(len(wanted), bool)
    media_s = traces["media_s"].to_numpy(np.float64)
    return np.where(found, times_s[place], media_s) if len(keys) else media_s


def current_face_annotations(log: RatingLog, undone: set[str], *, rater: str | None = None) -> pa.Table:
    """Return the rows of `current_annotations` that are about faces, with null places.

    Args:
        log: the log of rating events.
        undone: identifiers of undone events.
        rater: name of the rater; None for all.
    """
    events = read_rating_events(log, rater=rater)
    raters, rater_of = _coded(events.column("rater"))
    parts, part_of = _coded(pc.fill_null(events.column("part"), "main"))
    faces, face = _sorted_codes(events.face)
    # Keys in the order of rater, part and face; all later steps work on integers.
    shape = tuple(max(1, len(names)) for names in (raters, parts, faces))
    every = np.ravel_multi_index((rater_of[events.event], part_of[events.event], face), shape)
    keys, cell = np.unique(every, return_inverse=True)
    kind = np.asarray(pc.index_in(events.column("kind"), value_set=pa.array(KINDS)))[events.event]
    counts = ~np.asarray(pc.is_in(events.column("event_id"), value_set=pa.array(sorted(undone), pa.string())))[
        events.event
    ]

    def last(chosen: npt.NDArray[np.bool_]) -> Integers:
        """Return the last chosen event of each key, -1 without one."""
        found = np.full(len(keys), -1, np.int64)
        rows = np.flatnonzero(chosen)
        found[cell[rows]] = rows  # of several assignments to one element the last one holds
        return found

    rated = last(counts & (kind == KINDS.index("rate")))
    named = last(counts & (kind == KINDS.index("emotion")))
    named = np.where(_of(events, named, "emotion").is_valid(), named, -1)
    flag = np.asarray(pc.fill_null(pc.index_in(events.column("flag"), value_set=pa.array(FLAGS)), -1))[events.event]
    said = [last(counts & (kind == KINDS.index("flag")) & (flag == number)) for number in range(len(FLAGS))]
    flags = np.stack([np.where(pc.fill_null(_of(events, rows, "on"), False), rows, -1) for rows in said], axis=1)
    suggestion = np.asarray(events.column("suggestion").is_valid())[events.event]
    shown = last((kind == KINDS.index("shown")) & suggestion)
    given = np.flatnonzero((rated >= 0) | (named >= 0) | (flags >= 0).any(axis=1))
    rated, named, shown, flags, keys = rated[given], named[given], shown[given], flags[given], keys[given]
    done_ms = np.append(events.column("done_ms").to_numpy()[events.event], -1)
    times = np.stack([done_ms[rows] for rows in (rated, named, *flags.T)])
    hidden = pc.if_else(pc.fill_null(_of(events, shown, "hidden"), False), "hidden", "shown")
    who, where, whom = np.unravel_index(keys, shape)
    columns = {
        "rater": raters.take(pa.array(who)),
        "kind": pa.repeat("face", len(keys)),
        "part": parts.take(pa.array(where)),
        "face_id": faces.take(pa.array(whom)),
        "valence": _of(events, rated, "valence"),
        "arousal": _of(events, rated, "arousal"),
        "emotion": _of(events, named, "emotion"),
        "flags": _lists_of_flags(flags >= 0),
        "note": _of(events, flags[:, FLAGS.index("note")], "note"),
        "identical": pa.array(np.append(events.place, 0)[rated] > 0),
        "accepted": pc.fill_null(_of(events, rated, "accepted"), False),
        "suggestion": pc.if_else(pa.array(shown >= 0), hidden, pa.scalar(None, pa.string())),
        "event_id": _of(events, rated, "event_id"),
        "emotion_event_id": _of(events, named, "event_id"),
        "done_ms": pa.array(times.max(axis=0)),
    }
    return _table(columns, len(keys))


def _of(events: RatingEvents, rows: Integers, name: str) -> pa.Array:
    """Return a column of rating events; null where the row is -1."""
    positions = np.append(events.event, 0)[rows]
    return events.column(name).take(pa.array(positions, mask=rows < 0))


def _coded(names: pa.Array) -> tuple[pa.Array, Integers]:
    """Return the distinct names, sorted, and the number of each name."""
    return _sorted_codes(names.dictionary_encode())


def _sorted_codes(names: pa.DictionaryArray) -> tuple[pa.Array, Integers]:
    order = pc.sort_indices(names.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return names.dictionary.take(pa.array(order)), rank[names.indices.to_numpy()]


def _lists_of_flags(on: npt.NDArray[np.bool_]) -> pa.Array:
    """Return the names of the set flags of each row of N x flags, in the order of FLAGS."""
    ends = np.append(0, np.cumsum(on.sum(axis=1))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(FLAGS).take(pa.array(np.nonzero(on)[1])))
