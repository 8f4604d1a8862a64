"""Replay the events on one item into its current annotation.

The server uses it for the few items of a page, and the page has the same replay in JavaScript for working offline. The
replay of a whole log is in `fertools.annotations.current`. Tests hold all three equal on random logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fertools.annotations.events import Event

TASKS = ("va", "emotion")
PASSES = frozenset({"unsure", "no_face", "bad_crop"})
"""Flags that complete an item without a value."""


@dataclass
class CurrentAnnotation:
    """The current annotation of one item by one rater.

    Attributes:
        valence: rated valence; None without a rating.
        arousal: rated arousal; None without a rating.
        emotion: chosen expression; None without one.
        flags: names of the set flags.
        note: text of the note; None without one.
    """

    valence: float | None = None
    arousal: float | None = None
    emotion: str | None = None
    flags: set[str] = field(default_factory=set)
    note: str | None = None

    def is_done(self, tasks: Iterable[str]) -> bool:
        """Return whether all `tasks` are done."""
        given = {"va": self.valence is not None, "emotion": self.emotion is not None}
        return bool(self.flags & PASSES) or all(given[task] for task in tasks)


def replay(events: Iterable[Event]) -> CurrentAnnotation:
    """Return the annotation that results from events on one item.

    Args:
        events: the events that were not undone, in order.
    """
    annotation = CurrentAnnotation()
    for event in events:
        body = event.body
        if event.kind == "rate":
            annotation.valence, annotation.arousal = body["valence"], body["arousal"]
        elif event.kind == "emotion":
            annotation.emotion = body["emotion"]
        elif event.kind == "flag" and body["on"]:
            annotation.flags.add(body["flag"])
            annotation.note = body.get("note") if body["flag"] == "note" else annotation.note
        elif event.kind == "flag":
            annotation.flags.discard(body["flag"])
            annotation.note = None if body["flag"] == "note" else annotation.note
    return annotation
