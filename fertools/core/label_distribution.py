"""Distributions of labels: the votes of several raters, or the parts of a compound label, beside the winner."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fertools.core.vocabulary import Lexicon, normalise

OTHER: Final = "other"
"""Stands for votes that name no label of the lexicon, such as `unknown` and `no face`."""
_ADVERBS: Final = {
    "angrily": "anger",
    "disgustedly": "disgust",
    "fearfully": "fear",
    "happily": "happiness",
    "sadly": "sadness",
    "appallingly": "disgust",
}
"""First words of compound expressions, such as `happily surprised`."""
_BETWEEN: Final = re.compile(r"\s*[|+/;,:&]\s*|\s+and\s+")


@dataclass(frozen=True)
class LabelDistribution:
    """Votes for labels.

    Attributes:
        votes: label and number of votes (or share) of each label with any, sorted by label; `other` stands for labels
            that the lexicon does not have.
    """

    votes: tuple[tuple[str, float], ...]

    @property
    def leaders(self) -> tuple[str, ...]:
        """The labels with the most votes."""
        most = max((count for _, count in self.votes), default=0.0)
        return tuple(label for label, count in self.votes if math.isclose(count, most, rel_tol=1e-6))

    @property
    def winner(self) -> str | None:
        """The label with the most votes; None without votes, for a tie, and if most votes are for no label."""
        return self.leaders[0] if len(self.leaders) == 1 and self.leaders[0] != OTHER else None

    @property
    def reason(self) -> str | None:
        """Why there is no winner; None if there is one."""
        if self.winner is not None:
            return None
        if not self.votes:
            return "nobody voted"
        if self.leaders == (OTHER,):
            return "most votes name no expression of the lexicon"
        return f"{' and '.join(self.leaders)} tie"


def count_votes(votes: Mapping[str, float], lexicon: Lexicon) -> LabelDistribution:
    """Return the distribution of votes, whose names are words of the lexicon.

    Args:
        votes: number or share of votes by word, each 0 or more; words of one label count together.
        lexicon: the words.

    Raises:
        ValueError: a number is negative or not finite.

    Example:
        >>> lexicon = Lexicon(("anger", "fear"), {"anger": "anger", "angry": "anger", "fear": "fear"})
        >>> count_votes({"angry": 6, "fear": 3, "NF": 1}, lexicon).winner
        'anger'
    """
    counts: dict[str, float] = {}
    for word, count in votes.items():
        if not 0 <= count < math.inf:
            raise ValueError(f"{count} is no number of votes")
        if count:
            label = lexicon.lookup(word) or OTHER
            counts[label] = counts.get(label, 0.0) + count
    return LabelDistribution(tuple(sorted(counts.items())))


def read_expression(text: str, lexicon: Lexicon, classes: Sequence[str] = ()) -> LabelDistribution | None:
    """Return the distribution of the label in a cell, or None if the lexicon does not have it.

    Args:
        text: a word of the lexicon, the number of a class, or a compound label such as `happily surprised`, `fear|sad`
            or `N:F`. The parts of a compound label have equal shares.
        lexicon: the words.
        classes: words by class number from 0; empty if the labels are words.

    Example:
        >>> words = {"happy": "happiness", "happiness": "happiness", "surprised": "surprise"}
        >>> lexicon = Lexicon(("happiness", "surprise"), words)
        >>> read_expression("happily surprised", lexicon).reason
        'happiness and surprise tie'
        >>> read_expression("1", lexicon, ["happy", "surprised"]).winner
        'surprise'
    """
    if classes and text.isascii() and text.isdigit():
        return read_expression(classes[int(text)], lexicon) if int(text) < len(classes) else None
    if label := lexicon.lookup(text):
        return LabelDistribution(((label, 1.0),))
    parts = _BETWEEN.split(text.strip())
    if len(parts) == 1:
        parts = normalise(text).split(" ")
        if len(parts) != 2 or parts[0] not in _ADVERBS:
            return None
        parts[0] = _ADVERBS[parts[0]]
    shares: dict[str, float] = {}
    for part in parts:
        if (label := lexicon.lookup(part)) is None:
            return None
        shares[label] = shares.get(label, 0.0) + 1 / len(parts)
    return LabelDistribution(tuple(sorted(shares.items())))
