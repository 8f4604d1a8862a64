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
class Answer:
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


def fold(acts: Iterable[Event]) -> Answer:
    """Return the answer that acts on one item come to.

    Args:
        acts: those that were not undone, in the order in which they happened.
    """
    answer = Answer()
    for act in acts:
        body = act.body
        if act.kind == "rate":
            answer.valence, answer.arousal = body["valence"], body["arousal"]
        elif act.kind == "emotion":
            answer.emotion = body["emotion"]
        elif act.kind == "flag" and body["on"]:
            answer.flags.add(body["flag"])
            answer.note = body.get("note") if body["flag"] == "note" else answer.note
        elif act.kind == "flag":
            answer.flags.discard(body["flag"])
            answer.note = None if body["flag"] == "note" else answer.note
    return answer
