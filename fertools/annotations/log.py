"""The append-only log of all rating events: `annotations/ratings.sqlite`.

An event is acknowledged only once it is on the disk. If the page sends an event again, after a lost response or a
crash, the log recognises its identifier and counts it once. The table refuses changes and deletions.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fertools.annotations.connection import connect, explained
from fertools.annotations.events import Event
from fertools.core.errors import FertoolsError, InputError, SchemaError

LOG_VERSION = 1
APPLICATION_ID = 0x66657274
"""`fert`, the application identifier in SQLite files of fertools."""
WAIT_S = 30.0
"""Seconds that a writer waits for another process that is writing."""

# Events are ordered by `done_ms`: a clock that is fast cannot move an event behind its arrival. Logs of early versions
# lack `properties` and the index by tab; both are added. Only the body is stored; the virtual columns are computed.
_ADDED = """
CREATE TABLE IF NOT EXISTS properties (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_by_tab ON events (rater, tab, at_ms);
INSERT OR IGNORE INTO properties VALUES
    ('identity', lower(hex(randomblob(16)))), ('secret', lower(hex(randomblob(32))));
"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    rater TEXT NOT NULL,
    kind TEXT NOT NULL,
    tab TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    done_ms INTEGER NOT NULL AS (min(at_ms, received_ms)) VIRTUAL,
    part TEXT AS (coalesce(json_extract(body, '$.part'), 'main')) VIRTUAL,
    target TEXT AS (json_extract(body, '$.target')) VIRTUAL,
    valence REAL AS (json_extract(body, '$.valence')) VIRTUAL,
    arousal REAL AS (json_extract(body, '$.arousal')) VIRTUAL
);
CREATE INDEX IF NOT EXISTS events_by_rater ON events (rater, kind);
CREATE INDEX IF NOT EXISTS events_by_target ON events (target) WHERE target IS NOT NULL;
CREATE TABLE IF NOT EXISTS about (
    rater TEXT NOT NULL,
    item TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (rater, item, number)
) WITHOUT ROWID;
{_ADDED}
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE DELETE ON events
    BEGIN SELECT raise(ABORT, 'the log of ratings is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_stay_as_they_are BEFORE UPDATE ON events
    BEGIN SELECT raise(ABORT, 'the log of ratings is append-only'); END;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {LOG_VERSION};
"""


@dataclass(frozen=True)
class Batch:
    """Events that one rater's page sent together.

    Attributes:
        rater: name of the rater.
        events: in the order in which they happened.
    """

    rater: str
    events: Sequence[Event]


@dataclass(frozen=True)
class Receipt:
    """The result of adding a batch.

    Attributes:
        saved: identifiers of the events that are on the disk now, including those from before.
        added: the new events.
        refused: the reason for each identifier that another event already has.
    """

    saved: tuple[str, ...]
    added: tuple[Event, ...]
    refused: dict[str, str]


@dataclass(frozen=True)
class Logged:
    """An event in the log.

    Attributes:
        number: position in the log, from 1.
        rater: name of the rater.
        event: the event.
        received_ms: time of arrival on the server's clock, later than all earlier arrivals (see `append_batches`).
        done_ms: time of the event: `at_ms`, but not later than the arrival.
    """

    number: int
    rater: str
    event: Event
    received_ms: int
    done_ms: int


class RatingLog:
    """The log of ratings. Use it in one thread at a time and close it.

    Several processes and threads may open the same log: one writes at a time, and readers never wait.

    Args:
        path: path of the file. It is created if missing, unless `existing` is set.
        existing: raise an error if the file is missing.

    Raises:
        InputError: the file is not a log of ratings, or it is missing and `existing` is set.
        StorageError: the file cannot be opened or written.
    """

    def __init__(self, path: Path, *, existing: bool = False) -> None:
        self.path = path
        if existing and not path.is_file():
            raise InputError(f"there are no ratings in {path}; rate faces first with `fertools annotate --va`")
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = connect(path, wait_s=WAIT_S)
            try:
                self._prepare(existing=existing)
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self, *, existing: bool) -> None:
        (application,) = self.connection.execute("PRAGMA application_id").fetchone()
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        # A new log has one page before it has a table; a log with more pages but no table is damaged.
        if not tables and (existing or pages > 1):
            raise InputError(
                f"{self.path} is empty or damaged; restore it from a copy, or remove it to start a new log"
            )
        if tables and application != APPLICATION_ID:
            raise InputError(f"{self.path} is not a log of ratings; move it away or name another workspace")
        if tables and version != LOG_VERSION:
            raise SchemaError(
                f"{self.path} is a log of version {version}, but this fertools reads version {LOG_VERSION}; use the "
                "fertools version that wrote it"
            )
        self.connection.execute("PRAGMA journal_mode = WAL")
        # FULL flushes the write-ahead log at every commit; with NORMAL a power failure could lose acknowledged events.
        self.connection.execute("PRAGMA synchronous = FULL")
        if not tables:
            self.connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def complete(self) -> None:
        """Add missing properties and the index by tab to a log of an early version.

        Raises:
            StorageError: the log cannot be written.
        """
        with explained(self.path):
            self.connection.executescript(f"BEGIN IMMEDIATE; {_ADDED} COMMIT;")

    @property
    def identity(self) -> str:
        """32 hexadecimal digits that identify this log and its copies."""
        return self._property("identity")

    @property
    def secret(self) -> str:
        """64 hexadecimal digits from which the codes of raters are derived."""
        return self._property("secret")

    def _property(self, name: str) -> str:
        (value,) = self.connection.execute("SELECT value FROM properties WHERE name = ?", (name,)).fetchone()
        return str(value)

    def clock_ms(self, now_ms: int | None = None) -> int:
        """Return the time in milliseconds since 1970, later than all arrivals even if the clock was set back."""
        now_ms = int(time.time() * 1000) if now_ms is None else now_ms
        # The latest arrival is among the last events, but not always the very last; see `_arrival_ms`.
        query = "SELECT max(received_ms) FROM (SELECT received_ms FROM events ORDER BY number DESC LIMIT 100)"
        (last_ms,) = self.connection.execute(query).fetchone()
        return now_ms if last_ms is None else max(now_ms, int(last_ms) + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def append(self, rater: str, events: Sequence[Event], *, received_ms: int | None = None) -> Receipt:
        """Add events of one rater, all or none; see `append_batches`."""
        return self.append_batches([Batch(rater, events)], received_ms=received_ms)[0]

    def append_batches(self, batches: Sequence[Batch], *, received_ms: int | None = None) -> list[Receipt]:
        """Add the events of several batches in one transaction. They are on the disk when this returns.

        Events of one tab keep the order of their `at_ms`, which the tab increases with every event. Arrival times never
        decrease, even if the server's clock is changed.

        Args:
            batches: the batches in order of arrival.
            received_ms: time of arrival in milliseconds since 1970; None for now.

        Returns:
            One receipt per batch.

        Raises:
            StorageError: the disk is full or cannot be written; nothing was added.
        """
        with explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                arrivals_ms = itertools.count(self.clock_ms(received_ms))
                receipts = [self._add(batch, arrivals_ms) for batch in batches]
                self.connection.execute("COMMIT")
            except BaseException:
                # Some failed commits have already rolled back.
                with contextlib.suppress(FertoolsError):
                    self.connection.execute("ROLLBACK")
                raise
        return receipts

    def _add(self, batch: Batch, arrivals_ms: Iterator[int]) -> Receipt:
        saved, added, refused = [], [], {}
        for event in batch.events:
            text = event.to_json()
            found = self.connection.execute(
                "SELECT rater, kind, at_ms, body FROM events WHERE event_id = ?", (event.id,)
            ).fetchone()
            if found is None:
                arrival_ms = self._arrival_ms(batch.rater, event, next(arrivals_ms))
                cursor = self.connection.execute(
                    "INSERT INTO events (event_id, rater, kind, tab, at_ms, received_ms, body) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (event.id, batch.rater, event.kind, event.tab, event.at_ms, arrival_ms, text),
                )
                self.connection.executemany(
                    "INSERT OR IGNORE INTO about (rater, item, number) VALUES (?, ?, ?)",
                    [(batch.rater, item, cursor.lastrowid) for item in event.items],
                )
                added.append(event)
            elif found != (batch.rater, event.kind, event.at_ms, text):
                refused[event.id] = "another event has this id"
                continue
            saved.append(event.id)
        return Receipt(tuple(saved), tuple(added), refused)

    def _arrival_ms(self, rater: str, event: Event, clock_ms: int) -> int:
        """Return the arrival time to record: before later events of the same tab that arrived earlier."""
        if not event.tab:
            return clock_ms
        query = "SELECT min(done_ms) FROM events WHERE rater = ? AND tab = ? AND at_ms > ?"
        (later_ms,) = self.connection.execute(query, (rater, event.tab, event.at_ms)).fetchone()
        return clock_ms if later_ms is None else min(clock_ms, int(later_ms) - 1)

    def events(
        self, *, rater: str | None = None, kinds: Sequence[str] = (), item: str | None = None
    ) -> Iterator[Logged]:
        """Yield events in their order (`done_ms`, then arrival).

        Args:
            rater: yield only events of this rater; None for all.
            kinds: yield only events of these kinds; empty for all.
            item: yield only events of `rater` on this item (see `Event.items`); None for all.
        """
        query = "SELECT number, rater, event_id, kind, tab, at_ms, body, received_ms, done_ms FROM events WHERE 1"
        values: list[object] = []
        if item is not None:
            query += " AND number IN (SELECT number FROM about WHERE rater = ? AND item = ?)"
            values += [rater, item]
        elif rater is not None:
            query += " AND rater = ?"
            values.append(rater)
        if kinds:
            query += f" AND kind IN ({', '.join('?' * len(kinds))})"
            values += kinds
        for number, who, event_id, kind, tab, at_ms, body, received_ms, done_ms in self.connection.execute(
            f"{query} ORDER BY done_ms, number", values
        ):
            with explained(self.path):
                event = Event(event_id, kind, tab, at_ms, _loads(body))
            yield Logged(number, who, event, received_ms, done_ms)

    def raters(self) -> list[str]:
        """Return the names of all raters in the order of their first event."""
        rows = self.connection.execute(
            "SELECT rater, min(number) AS first FROM events WHERE rater != '' GROUP BY rater ORDER BY first"
        )
        return [rater for rater, _ in rows]

    def undone(self, rater: str | None = None) -> set[str]:
        """Return the identifiers of undone events, of one rater or of all.

        A rater can undo only their own events; an undo event with another target is ignored.
        """
        query = (
            "SELECT u.target, u.kind FROM events u JOIN events a ON a.event_id = u.target AND a.rater = u.rater "
            "WHERE u.target IS NOT NULL AND u.kind IN ('undo', 'redo')"
        )
        if rater is not None:
            query += " AND u.rater = ?"
        rows = self.connection.execute(f"{query} ORDER BY u.done_ms, u.number", () if rater is None else (rater,))
        state = {target: kind == "undo" for target, kind in rows}
        return {target for target, undone in state.items() if undone}

    def undone_of(self, rater: str, event_ids: Sequence[str]) -> set[str]:
        """Return which of some events of a rater are undone."""
        rows = self.connection.execute(
            f"SELECT target, kind FROM events WHERE target IN ({', '.join('?' * len(event_ids))}) AND rater = ? "
            "AND kind IN ('undo', 'redo') ORDER BY done_ms, number",
            (*event_ids, rater),
        )
        state = {target: kind == "undo" for target, kind in rows}
        return {target for target, undone in state.items() if undone}


def _loads(body: str) -> dict[str, object]:
    content: dict[str, object] = json.loads(body)
    return content
