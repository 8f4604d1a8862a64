"""Take events out of the append-only log of ratings, for people who are taken out of the dataset.

This is the only way to remove an event. The log's guards are dropped and put back in the same transaction, and the
freed pages are overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from fertools.annotations.connection import Connection, connect
from fertools.annotations.log import WAIT_S
from fertools.core.errors import InputError

_GUARDS = ("events_stay", "events_stay_as_they_are")
_GUARD = re.compile(r"CREATE TRIGGER (\w+) BEFORE (DELETE|UPDATE) ON events\b.*raise\(ABORT.*", re.DOTALL)


def erase_events(path: Path, is_about: Callable[[str], bool], *, write: bool) -> int:
    """Remove the events on some faces, and the undo and redo events that refer to them; return their number.

    Args:
        path: path of the log.
        is_about: whether an event goes; it gets the JSON text of the event.
        write: False only counts.

    Raises:
        InputError: the file is damaged, or is no log of ratings.
        StorageError: the log cannot be written.
    """
    connection = connect(path, wait_s=WAIT_S)
    try:
        if write:
            connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        gone = _find(connection, is_about)
        if write and gone:
            _delete(connection, gone, path)
        connection.execute("COMMIT")
        if write:
            # Also after a stop between the deletion and the compaction.
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        # Closing undoes what was not committed.
        connection.close()
    return len(gone)


def _find(connection: Connection, is_about: Callable[[str], bool]) -> list[int]:
    rows = connection.execute("SELECT number, event_id, target, body FROM events ORDER BY number").fetchall()
    gone = {event: number for number, event, _, body in rows if is_about(body)}
    return sorted({*gone.values(), *(number for number, _, target, _ in rows if target in gone)})


def _delete(connection: Connection, gone: list[int], path: Path) -> None:
    guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name").fetchall()
    if tuple(name for name, _ in guards) != _GUARDS or not all(_GUARD.fullmatch(sql) for _, sql in guards):
        raise InputError(f"{path} has not the triggers of a log of ratings; restore it from a copy")
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    numbers = [(number,) for number in gone]
    connection.executemany("DELETE FROM events WHERE number = ?", numbers)
    connection.executemany("DELETE FROM about WHERE number = ?", numbers)
    for _, sql in guards:
        connection.execute(sql)
