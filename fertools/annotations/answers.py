"""What each rater now says of each face and each traced frame: a fold over the log of events.

The later act wins, an act that was undone does not count, and a span of video that was traced again replaces the
older trace between its first and last frame. Nothing is averaged over raters here, and nothing is shifted in time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from fertools.annotations.events import FLAGS
from fertools.annotations.log import RatingLog
from fertools.annotations.traces import fold_traces
from fertools.core.workspace import Workspace
from fertools.manifests import store

ANSWERS = pa.schema(
    [
        pa.field("rater", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # face: a click on a picture; trace: over playing video
        pa.field("part", pa.string(), nullable=False),  # calibration, main or repeat; see events.PARTS
        pa.field("source_id", pa.string()),
        pa.field("face_id", pa.string()),  # null for a trace, which is about all that a frame shows
        pa.field("frame_index", pa.int32()),
        pa.field("pts_s", pa.float64()),  # the manifest's; of a traced frame without a face, the browser's media time
        pa.field("valence", pa.float64()),
        pa.field("arousal", pa.float64()),
        pa.field("emotion", pa.string()),
        pa.field("flags", pa.list_(pa.string()), nullable=False),  # of events.FLAGS, in that order
        pa.field("note", pa.string()),
        pa.field("identical", pa.bool_(), nullable=False),  # applied to it as a near-identical frame, not looked at
        pa.field("accepted", pa.bool_(), nullable=False),  # the pre-mark, accepted as it was
        pa.field("premark", pa.string()),  # shown or hidden at the last showing; null if there was none
        pa.field("event_id", pa.string()),  # what gave the valence and arousal: a rating or a take
        pa.field("emotion_event_id", pa.string()),
        pa.field("done_ms", pa.int64()),  # when the last of what counts was done, in milliseconds since 1970
    ]
)
"""The columns of `answers`: one row per rater, part and face, and one per rater and traced frame."""

_KEY = ["rater", "part", "face_id"]


def answers(log: RatingLog, workspace: Workspace | None = None) -> pa.Table:
    """Return the current answers of all raters, with the columns of ANSWERS.

    Args:
        log: the log of events.
        workspace: whose manifest says where faces are (`source_id`, `frame_index`, `pts_s`); None leaves these null
            for faces, and gives frames of traces the browser's media time.

    Returns:
        One row per rater, part and face with an answer or a flag, sorted by these; then one per rater, source and
        frame over which a trace was drawn, sorted by these.
    """
    undone = log.undone()
    faces = answers_about_faces(log, undone)
    traces = fold_traces(log, undone)
    places = _places(workspace)
    faces = faces.merge(places, on="face_id", how="left")
    traces["pts_s"] = _times_of(traces, places)
    return pa.concat_tables([_table(faces, "face"), _table(traces, "trace")])


def _table(frame: pd.DataFrame, kind: str) -> pa.Table:
    columns: dict[str, Any] = {}
    for field in ANSWERS:
        if field.name == "kind":
            columns["kind"] = pa.array([kind] * len(frame), field.type)
        elif field.name == "part" and "part" not in frame:
            columns["part"] = pa.array(["main"] * len(frame), field.type)
        elif pa.types.is_list(field.type):
            columns[field.name] = pa.array(
                frame[field.name].tolist() if field.name in frame else [[]] * len(frame), field.type
            )
        elif field.name in frame:
            values = frame[field.name]
            if isinstance(values.dtype, pd.CategoricalDtype):
                columns[field.name] = pa.array(values, from_pandas=True).cast(field.type)
            else:
                columns[field.name] = pa.array(values, field.type, from_pandas=True)
        elif pa.types.is_boolean(field.type):
            columns[field.name] = pa.array(np.zeros(len(frame), bool))
        else:
            columns[field.name] = pa.nulls(len(frame), field.type)
    return pa.table(columns, schema=ANSWERS)


def _places(workspace: Workspace | None) -> pd.DataFrame:
    columns = ["face_id", "source_id", "frame_index", "pts_s"]
    if workspace is None:
        return pd.DataFrame(
            {name: pd.Series(dtype=kind) for name, kind in zip(columns, ("O", "O", "i4", "f8"), strict=True)}
        )
    table: pd.DataFrame = store.read_faces(workspace, columns).to_pandas()
    return table


def _times_of(traces: pd.DataFrame, places: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the manifest's time of each traced frame, or the browser's where the frame has no face."""
    sources = pd.Categorical(traces["source_id"])
    # One whole number per source and frame, since a join on names takes longer than all the rest.
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


_FIELDS = pa.schema(
    [
        pa.field("faces", pa.list_(pa.string())),
        pa.field("part", pa.string()),
        pa.field("valence", pa.float64()),
        pa.field("arousal", pa.float64()),
        pa.field("accepted", pa.bool_()),
        pa.field("emotion", pa.string()),
        pa.field("flag", pa.string()),
        pa.field("on", pa.bool_()),
        pa.field("note", pa.string()),
        pa.field("hidden", pa.bool_()),
        pa.field("premark", pa.struct([pa.field("origin", pa.string())])),
    ]
)
"""What is read of the bodies of events about faces; other fields are passed over."""


def _read_acts(log: RatingLog, rater: str | None) -> pd.DataFrame:
    """Return one row per event about a face and face, in the order in which they happened."""
    rows = log.connection.execute(
        "SELECT event_id, rater, kind, done_ms, body FROM events WHERE kind IN ('rate', 'emotion', 'flag', 'shown') "
        f"AND json_type(body, '$.faces') IS NOT NULL {'' if rater is None else 'AND rater = ?'} "
        "ORDER BY done_ms, number",
        () if rater is None else (rater,),
    ).fetchall()
    if not rows:
        return pd.DataFrame(columns=["event_id", "rater", "kind", "done_ms", "face_id", "place", *_FIELDS.names])
    ids, raters, kinds, done_ms, bodies = zip(*rows, strict=True)
    # A quarter of a million small bodies are parsed in a second by a parser of columns, and in many by one of rows.
    lines = pa.py_buffer("\n".join(bodies).encode())
    table = pj.read_json(
        pa.BufferReader(lines),
        read_options=pj.ReadOptions(block_size=max(len(lines) // 8, 1 << 20)),
        parse_options=pj.ParseOptions(explicit_schema=_FIELDS, unexpected_field_behavior="ignore"),
    )
    parents = pc.list_parent_indices(table["faces"]).combine_chunks().to_numpy()
    acts: pd.DataFrame = table.drop_columns(["faces", "premark"]).to_pandas().iloc[parents].reset_index(drop=True)
    for name, column in (("event_id", ids), ("rater", raters), ("kind", kinds)):
        acts[name] = pd.Categorical(column)[parents] if name != "event_id" else np.array(column, object)[parents]
    acts["done_ms"] = np.array(done_ms, np.int64)[parents]
    acts["face_id"] = pc.list_flatten(table["faces"]).to_pandas()
    acts["place"] = np.arange(len(parents)) - np.searchsorted(parents, parents)
    acts["part"] = acts["part"].fillna("main")
    acts["premark"] = pc.is_valid(table["premark"]).to_numpy()[parents]
    return acts


def answers_about_faces(log: RatingLog, undone: set[str], *, rater: str | None = None) -> pd.DataFrame:
    """Return the rows of `answers` that are about faces, without their places.

    Args:
        log: the log of events.
        undone: identifiers of acts that do not count.
        rater: whose answers; None for all.
    """
    acts = _read_acts(log, rater)
    showings = acts[(acts["kind"] == "shown") & acts["premark"].eq(True)]
    acts = acts[~acts["event_id"].isin(undone)]
    rated = acts[acts["kind"] == "rate"].drop_duplicates(_KEY, keep="last")
    rated = rated.assign(identical=rated["place"] > 0)
    rated = rated[[*_KEY, "event_id", "done_ms", "valence", "arousal", "accepted", "identical"]]
    named = acts[acts["kind"] == "emotion"].drop_duplicates(_KEY, keep="last")
    named = named[named["emotion"].notna()][[*_KEY, "emotion", "event_id", "done_ms"]]
    named = named.rename(columns={"event_id": "emotion_event_id", "done_ms": "emotion_ms"})
    table = rated.merge(named, on=_KEY, how="outer").merge(_flags(acts), on=_KEY, how="outer")
    showings = showings.assign(premark=np.where(showings["hidden"].eq(True), "hidden", "shown"))
    showings = showings.drop_duplicates(_KEY, keep="last")[[*_KEY, "premark"]]
    table = table.merge(showings, on=_KEY, how="left")
    table["flags"] = [flags if isinstance(flags, list) else [] for flags in table["flags"]]
    for name in ("accepted", "identical"):
        table[name] = table[name].eq(True)
    table["done_ms"] = table[["done_ms", "emotion_ms", "flag_ms"]].max(axis=1).astype("Int64")
    ordered: pd.DataFrame = table.sort_values(_KEY, ignore_index=True)
    return ordered


def _flags(acts: pd.DataFrame) -> pd.DataFrame:
    """Return per rater, part and face the flags that are on, the note, and when the last was put on."""
    said = acts[acts["kind"] == "flag"].drop_duplicates([*_KEY, "flag"], keep="last")
    said = said[said["on"].eq(True)]
    found: dict[tuple[str, str, str], tuple[list[str], str | None, int]] = {}
    for rater, part, face_id, flag, note, done_ms in said[[*_KEY, "flag", "note", "done_ms"]].itertuples(index=False):
        flags, before, last_ms = found.get((rater, part, face_id), ([], None, 0))
        found[rater, part, face_id] = ([*flags, flag], note if flag == "note" else before, max(last_ms, done_ms))
    rows = [(*key, sorted(flags, key=FLAGS.index), note, last_ms) for key, (flags, note, last_ms) in found.items()]
    return pd.DataFrame(rows, columns=[*_KEY, "flags", "note", "flag_ms"])
