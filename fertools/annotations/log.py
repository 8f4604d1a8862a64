"""The log of all ratings: `annotations/ratings.sqlite`, to which events are added and nothing else is done.

An event counts from the moment that it is on the disk, and only then is the page told so. The same event sent again,
after a lost answer or a crash, is found by its identifier and counts once. The table refuses changes and deletions.
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
"""`fert`: how SQLite files of ours say that they are ours."""
WAIT_S = 30.0
"""How long a writer waits for another process that is writing."""

# `done_ms` is what acts are ordered by: a clock that runs ahead cannot put an act later than its arrival.
# `properties` came later than the first logs, and so did the index by tab; both are added to a log that lacks them.
# Columns that are read by themselves are computed from the body, which alone is stored.
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
        rater: who.
        events: in the order in which they happened.
    """

    rater: str
    events: Sequence[Event]


@dataclass(frozen=True)
class Receipt:
    """What became of a batch.

    Attributes:
        saved: identifiers that are on the disk now, those that were there before too.
        added: the events that are new.
        refused: identifiers that another event has, to the reason.
    """

    saved: tuple[str, ...]
    added: tuple[Event, ...]
    refused: dict[str, str]


@dataclass(frozen=True)
class Logged:
    """An event as the log has it.

    Attributes:
        number: its place in the log, from 1.
        rater: who.
        event: what.
        received_ms: when it came in: the server's time, but later than what came in before it (see `append_batches`).
        done_ms: when it is taken to have happened: `at_ms`, but not after it came in.
    """

    number: int
    rater: str
    event: Event
    received_ms: int
    done_ms: int


class RatingLog:
    """The log, opened; use it in one thread at a time, and close it.

    Several processes and threads may each have it open: one writes at a time, and readers never wait.

    Args:
        path: the file; it is made if missing, unless `existing`.
        existing: refuse to make it.

    Raises:
        InputError: the file is not a log of ratings, or is missing and must not be made.
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
        # A log that is being made has a page before it has a table; one that had more has lost them.
        if not tables and (existing or pages > 1):
            raise InputError(f"{self.path} is empty or damaged; restore it from a copy, or remove it to begin anew")
        if tables and application != APPLICATION_ID:
            raise InputError(f"{self.path} is not a log of ratings; move it away or name another workspace")
        if tables and version != LOG_VERSION:
            raise SchemaError(
                f"{self.path} is a log of version {version}, and this fertools reads version {LOG_VERSION}; use the "
                "fertools that wrote it"
            )
        self.connection.execute("PRAGMA journal_mode = WAL")
        # FULL flushes the write-ahead log at every commit; with NORMAL a power cut could take acknowledged events.
        self.connection.execute("PRAGMA synchronous = FULL")
        if not tables:
            self.connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def complete(self) -> None:
        """Add to a log of an earlier fertools what it lacks: its properties, and the index by tab.

        Raises:
            StorageError: the log cannot be written.
        """
        with explained(self.path):
            self.connection.executescript(f"BEGIN IMMEDIATE; {_ADDED} COMMIT;")

    @property
    def identity(self) -> str:
        """32 hexadecimal digits that this log and its copies have, and no other."""
        return self._property("identity")

    @property
    def secret(self) -> str:
        """64 hexadecimal digits that codes of raters are made from."""
        return self._property("secret")

    def _property(self, name: str) -> str:
        (value,) = self.connection.execute("SELECT value FROM properties WHERE name = ?", (name,)).fetchone()
        return str(value)

    def clock_ms(self, now_ms: int | None = None) -> int:
        """Return the time in milliseconds since 1970, but later than the last arrivals if the clock was set back."""
        now_ms = int(time.time() * 1000) if now_ms is None else now_ms
        # The latest is among the last ones; see `_arrival_ms` for why it need not be the very last.
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
        """Add one rater's events, all of them or none; see `append_batches`."""
        return self.append_batches([Batch(rater, events)], received_ms=received_ms)[0]

    def append_batches(self, batches: Sequence[Batch], *, received_ms: int | None = None) -> list[Receipt]:
        """Add the events of several batches in one transaction; they are on the disk when this returns.

        The acts of one tab keep the order of their `at_ms`, which the tab counts up with every act, whatever the
        server's clock says: arrivals are numbered by a clock that never runs backwards.

        Args:
            batches: what came in.
            received_ms: when, in milliseconds since 1970; now if None.

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
                # A failed commit has rolled back by itself in some cases.
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
        """Return the arrival to write down: before that of later acts of the same tab which came in earlier."""
        if not event.tab:
            return clock_ms
        query = "SELECT min(done_ms) FROM events WHERE rater = ? AND tab = ? AND at_ms > ?"
        (later_ms,) = self.connection.execute(query, (rater, event.tab, event.at_ms)).fetchone()
        return clock_ms if later_ms is None else min(clock_ms, int(later_ms) - 1)

    def events(
        self, *, rater: str | None = None, kinds: Sequence[str] = (), item: str | None = None
    ) -> Iterator[Logged]:
        """Yield events in the order in which they happened (`done_ms`, then arrival).

        Args:
            rater: only this rater's; None for all.
            kinds: only these kinds; empty for all.
            item: only those about this item (see `Event.items`), of `rater`.
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
        """Return the names of all raters, in the order in which they came first."""
        rows = self.connection.execute(
            "SELECT rater, min(number) AS first FROM events WHERE rater != '' GROUP BY rater ORDER BY first"
        )
        return [rater for rater, _ in rows]

    def undone(self, rater: str | None = None) -> set[str]:
        """Return the identifiers of the acts that were undone and not redone, of one rater or of all.

        Only who acted can undo it; a target that is another rater's, or no act, is passed over.
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
        """Return which of a few of one rater's acts were undone and not redone."""
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
