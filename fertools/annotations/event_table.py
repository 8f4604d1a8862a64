"""Rating events on faces, read from the log column by column: a million take seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from fertools.annotations.connection import explained
from fertools.annotations.log import RatingLog
from fertools.core.parquet import checked

Integers = npt.NDArray[np.int64]

TOGETHER = 200_000
"""Number of events that are read as one text; a text of SQLite has at most 10^9 bytes."""
KINDS = ("rate", "emotion", "flag", "shown")
"""Kinds of events on faces from which annotations are computed."""

_FIELDS = pa.struct(
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
        pa.field("suggestion", pa.struct([pa.field("origin", pa.string())])),
    ]
)
_EVENT = pa.schema(
    [
        pa.field("event_id", pa.string()),
        pa.field("rater", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("done_ms", pa.int64()),
        pa.field("body", _FIELDS),
    ]
)
"""Fields that are read from an event on faces; others are ignored."""

# SQLite writes lines of JSON, because parsing them by column is faster than fetching a million rows as objects. Names
# and kinds consist of letters, digits and dashes, and bodies are JSON on one line.
_LINES = """
SELECT CAST(group_concat('{{"event_id":"' || event_id || '","rater":"' || rater || '","kind":"' || kind
    || '","done_ms":' || done_ms || ',"body":' || body || '}}', char(10)) AS BLOB)
FROM (
    SELECT event_id, rater, kind, done_ms, body FROM events
    WHERE number > ? AND number <= ? AND +kind IN ({kinds}) {clause} ORDER BY number
)
"""


@dataclass(frozen=True)
class RatingEvents:
    """Events on faces, one row per event and face, in their order.

    Attributes:
        events: one row per event in the order of arrival, with the columns of the log and of the body.
        event: N rows of `events`.
        place: N positions of the face in its event, from 0.
        face: N identifiers of faces, as a dictionary array.
    """

    events: pa.Table
    event: Integers
    place: Integers
    face: pa.DictionaryArray

    def column(self, name: str) -> pa.Array:
        """Return a column of `events`, one value per event."""
        return self.events[name].combine_chunks()


def read_rating_events(log: RatingLog, *, rater: str | None = None) -> RatingEvents:
    """Return all events on faces, of one rater or of all.

    Args:
        log: the log of rating events.
        rater: name of the rater; None for all.
    """
    with explained(log.path):
        pieces = [_EVENT.empty_table(), *(_parse(lines) for lines in _read_lines(log, rater))]
    # Pieces are combined before columns are split, because row numbers count over all pieces.
    events = pa.concat_tables(pieces).combine_chunks()
    body = events["body"].combine_chunks()
    columns = dict(zip((field.name for field in _FIELDS), body.flatten(), strict=True))
    faces = columns.pop("faces")
    counts = pc.fill_null(pc.list_value_length(faces), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    event = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort(events["done_ms"].to_numpy()[event], kind="stable")
    for name, column in columns.items():
        events = events.append_column(name, column)
    face = pc.list_flatten(faces).dictionary_encode().take(pa.array(order))
    return RatingEvents(events.drop_columns(["body"]), event[order], place[order], face)


def _read_lines(log: RatingLog, rater: str | None) -> Iterator[bytes]:
    """Yield the events as lines of JSON, in the order of arrival."""
    (last,) = log.connection.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()
    query = _LINES.format(kinds=", ".join("?" * len(KINDS)), clause="" if rater is None else "AND +rater = ?")
    for begin in range(0, last, TOGETHER):
        values = (begin, begin + TOGETHER, *KINDS, *(() if rater is None else (rater,)))
        (lines,) = log.connection.execute(query, values).fetchone()
        if lines:
            yield lines


def _parse(lines: bytes) -> pa.Table:
    table = pj.read_json(
        pa.BufferReader(lines),
        read_options=pj.ReadOptions(block_size=max(len(lines) // 4, 1 << 20)),
        parse_options=pj.ParseOptions(explicit_schema=_EVENT, unexpected_field_behavior="ignore"),
    )
    # The parser does not check UTF-8, and invalid text would fail much later.
    return checked(table)
