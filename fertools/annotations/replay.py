"""The fold of one item's acts into what a rater now says of it: the small twin of `fertools.annotations.current`.

The server asks it about the few items that a page shows; the page does the same while it has no network. A test holds
the two folds equal on random logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fertools.annotations.events import Event

TASKS = ("va", "emotion")
PASSES = frozenset({"unsure", "no_face", "bad_crop"})
"""Flags that answer an item without a value."""


@dataclass
class CurrentAnnotation:
    """What one rater says of one item.

    Attributes:
        valence: None until it was rated.
        arousal: likewise.
        emotion: None until it was named.
        flags: those that are on.
        note: the text of the note, if there is one.
    """

    valence: float | None = None
    arousal: float | None = None
    emotion: str | None = None
    flags: set[str] = field(default_factory=set)
    note: str | None = None

    def is_done(self, tasks: Iterable[str]) -> bool:
        """Return whether nothing of what `tasks` asks is open."""
        given = {"va": self.valence is not None, "emotion": self.emotion is not None}
        return bool(self.flags & PASSES) or all(given[task] for task in tasks)


def replay(events: Iterable[Event]) -> CurrentAnnotation:
    """Return the answer that acts on one item come to.

    Args:
        events: those that were not undone, in the order in which they happened.
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
