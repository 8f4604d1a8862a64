"""Traces of playing video: pieces of takes in the log, folded into one value per frame that was shown.

A take is one recording. While it runs, the page reads the pointer at every repaint and notes which frame was on the
screen; several readings of one frame are averaged. A later take replaces all that earlier ones said between its first
and its last frame, on its own axis.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from fertools.annotations.events import SAMPLE_COLUMNS
from fertools.annotations.log import RatingLog

TRACE_COLUMNS = ("rater", "source_id", "frame_index", "media_s", "valence", "arousal", "event_id", "done_ms")
_PIECES = """
SELECT e.rater, json_extract(e.body, '$.take'), e.body FROM events e WHERE e.kind = 'trace' {clause}
ORDER BY e.done_ms, e.number
"""
_TAKES = """
SELECT e.rater, e.event_id, json_extract(e.body, '$.source'), json_extract(e.body, '$.axis'), e.done_ms
FROM events e WHERE e.kind = 'take' {clause} ORDER BY e.done_ms, e.number
"""


def fold_traces(
    log: RatingLog, undone: set[str], *, rater: str | None = None, source_id: str | None = None
) -> pd.DataFrame:
    """Return one row per rater, source and frame that a trace says something about.

    Args:
        log: the log of events.
        undone: identifiers of acts that do not count.
        rater: whose traces, with `source_id` of which source; None for all.
        source_id: of which source, with `rater`; None for all.

    Returns:
        The columns of TRACE_COLUMNS, sorted by rater, source and frame. `media_s` is the browser's media time
        for the frame, `valence` and `arousal` are null where that axis was not rated; `event_id` and `done_ms`
        are those of the latest take that gave one of the two.
    """
    takes = read_takes(log, undone, rater=rater, source_id=source_id)
    values: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for take in takes.itertuples(index=False):
        values.setdefault((str(take.rater), str(take.source_id)), []).append(_by_frame(take))
    folded = []
    for (rater, source_id), tables in values.items():
        table = _merged(tables)
        table.insert(0, "rater", rater)
        table.insert(1, "source_id", source_id)
        folded.append(table)
    if not folded:
        kinds = dict(zip(TRACE_COLUMNS, ("O", "O", "i4", "f8", "f8", "f8", "O", "i8"), strict=True))
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    order = ["rater", "source_id", "frame_index"]
    return pd.concat(folded)[list(TRACE_COLUMNS)].sort_values(order, ignore_index=True)


def read_takes(
    log: RatingLog, undone: Iterable[str] = (), *, rater: str | None = None, source_id: str | None = None
) -> pd.DataFrame:
    """Return every take as it was recorded, raw, in the order in which they began.

    Args:
        log: the log of events.
        undone: takes to leave out.
        rater: whose takes, with `source_id` of which source; None for all.
        source_id: of which source, with `rater`; None for all.

    Returns:
        Columns `rater`, `event_id`, `source_id`, `axis`, `done_ms`, and `samples`: (n, 5) float64 of frame, media time
        in seconds, milliseconds since the take began, valence and arousal (NaN where the axis was not rated). Takes
        without a sample are left out.
    """
    left_out = set(undone)
    about: tuple[str, ...] = () if rater is None else (rater, f"source:{source_id}")
    clause = "AND e.number IN (SELECT number FROM about WHERE rater = ? AND item = ?)" if about else ""
    pieces: dict[tuple[str, str], list[np.ndarray[Any, np.dtype[np.float64]]]] = {}
    for who, take, body in log.connection.execute(_PIECES.format(clause=clause), about):
        if take not in left_out:
            columns = json.loads(body)
            samples = [columns[name] for name in SAMPLE_COLUMNS]
            pieces.setdefault((who, take), []).append(np.array(samples, np.float64).T)
    rows = [
        (who, event_id, source, axis, done_ms, np.concatenate(pieces[who, event_id]))
        for who, event_id, source, axis, done_ms in log.connection.execute(_TAKES.format(clause=clause), about)
        if (who, event_id) in pieces
    ]
    return pd.DataFrame(rows, columns=["rater", "event_id", "source_id", "axis", "done_ms", "samples"])


def _by_frame(take: Any) -> pd.DataFrame:
    """Return the means of a take's samples per frame, with the axes that it was not about left out."""
    samples = take.samples
    table = pd.DataFrame(samples[:, [0, 1, 3, 4]], columns=["frame_index", "media_s", "valence", "arousal"])
    table["frame_index"] = table["frame_index"].astype(np.int32)
    means = {"media_s": "first", "valence": "mean", "arousal": "mean"}
    table = table.groupby("frame_index", as_index=False).agg(means)
    axes = ("valence", "arousal") if take.axis == "both" else (take.axis,)
    table.attrs["axes"] = axes
    table["event_id"], table["done_ms"] = take.event_id, take.done_ms
    return table


def _merged(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the takes of one rater on one source as one table; later ones win on their axes and spans."""
    kept: dict[str, pd.DataFrame] = {}
    for axis in ("valence", "arousal"):
        current: pd.DataFrame | None = None
        for table in tables:
            if axis not in table.attrs["axes"]:
                continue
            new = table[["frame_index", "media_s", axis, "event_id", "done_ms"]]
            if current is not None:
                frames = current["frame_index"]
                outside = (frames < new["frame_index"].iloc[0]) | (frames > new["frame_index"].iloc[-1])
                new = pd.concat([current[outside], new])
            current = new
        if current is not None:
            kept[axis] = current.sort_values("frame_index", ignore_index=True)
    if len(kept) == 1:
        ((axis, table),) = kept.items()
        return table.assign(**{name: np.nan for name in ("valence", "arousal") if name != axis})
    both = kept["valence"].merge(kept["arousal"], on="frame_index", how="outer", suffixes=("", "_other"))
    other_later = both["done_ms"].isna() | (both["done_ms_other"] > both["done_ms"])
    for name in ("event_id", "done_ms"):
        both[name] = both[name].where(~other_later, both[f"{name}_other"])
    both["media_s"] = both["media_s"].fillna(both["media_s_other"])
    both["done_ms"] = both["done_ms"].astype(np.int64)
    return both
