"""Undo and redo of a rater: the events of the log are replayed onto two stacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fertools.annotations.events import RATING_KINDS
from fertools.annotations.log import RatingLog

PAGE = 200
"""RatingEvents in one answer."""


def read_history(log: RatingLog, rater: str, skip: int = 0) -> dict[str, Any]:
    """Return the events that can be undone and redone, the next one last.

    Args:
        log: the log of rating events.
        rater: name of the rater.
        skip: number of the latest events to leave out. Undo has no limit, so the page asks for more as needed.

    Returns:
        `undo` and `redo`, each a list of events with `id`, `kind` and `items`; `more`, whether there are older events.
    """
    kinds = (*sorted(RATING_KINDS), "undo", "redo")
    rows = log.connection.execute(
        f"SELECT event_id, kind, target FROM events WHERE rater = ? AND kind IN ({', '.join('?' * len(kinds))}) "
        "ORDER BY done_ms, number",
        (rater, *kinds),
    )
    undo, redo = play(rows)
    end = max(0, len(undo) - skip)
    begin = max(0, end - PAGE)
    return {
        "undo": [_described(log, rater, event_id) for event_id in undo[begin:end]],
        "redo": [_described(log, rater, event_id) for event_id in redo[-PAGE:]] if not skip else [],
        "more": begin > 0,
    }


def play(rows: Iterable[tuple[str, str, str | None]]) -> tuple[list[str], list[str]]:
    """Return the events that can be undone and those that can be redone, the next one last.

    Args:
        rows: identifier, kind and target of the rating, undo and redo events of a rater, in order.
    """
    # Dictionaries keep their order and find an entry quickly; lists would be slow for long logs.
    undo: dict[str, None] = {}
    redo: dict[str, None] = {}
    for event_id, kind, target in rows:
        if kind in RATING_KINDS:
            undo[event_id] = None
            redo.clear()
        elif kind == "undo" and target in undo:
            del undo[target]
            redo[target] = None
        elif kind == "redo" and target in redo:
            del redo[target]
            undo[target] = None
    return list(undo), list(redo)


def _described(log: RatingLog, rater: str, event_id: str) -> dict[str, Any]:
    rows = log.connection.execute(
        "SELECT kind, item FROM events JOIN about USING (number, rater) WHERE event_id = ? AND rater = ?",
        (event_id, rater),
    ).fetchall()
    return {"id": event_id, "kind": rows[0][0] if rows else None, "items": [item for _, item in rows]}
