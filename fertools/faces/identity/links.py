"""Evidence that two tracks show one person or two, joined into groups that contradict nothing.

Evidence of higher rank wins, and a contradiction is reported:

1. Decisions of a person on the review page, the newest first.
2. Two faces in one frame are two people.
3. Subjects from a dataset, a folder or a table: one subject is one person, and two subjects of one dataset are two.
4. Subjects of an earlier run of `fertools identify`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]


@dataclass(frozen=True)
class Links:
    """Evidence of one kind about tracks, by their numbers.

    Attributes:
        same: pairs that show one person.
        different: pairs that show two people.
        names: name of each named track, and the realm of the name. Tracks of one realm and name show one person, and
            of one realm and two names two people.
    """

    same: Sequence[Pair] = ()
    different: Sequence[Pair] = ()
    names: Sequence[tuple[int, Hashable, Hashable]] = ()


@dataclass(frozen=True)
class Contradiction:
    """Evidence that was not used, because evidence of higher rank says the opposite.

    Attributes:
        first: number of a track.
        second: number of another track.
        said: what the unused evidence says: `same` or `different`.
        evidence: kind of the unused evidence.
    """

    first: int
    second: int
    said: str
    evidence: str


class Groups:
    """Tracks in groups of one person each, with the pairs of groups that show two people.

    Args:
        count: number of tracks.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._against: dict[int, set[int]] = defaultdict(set)
        self._names: dict[int, dict[Hashable, Hashable]] = {}
        self.contradictions: list[Contradiction] = []

    def add(self, links: Links, evidence: str) -> None:
        """Add evidence that ranks below all that was added before.

        Args:
            links: the evidence.
            evidence: its kind, for `contradictions`.
        """
        for first, second in links.different:
            self._separate(first, second, evidence)
        for first, second in links.same:
            if self._join(first, second) is None:
                self._contradict(first, second, "same", evidence)
        # Tracks of one name that must not be joined, such as the two sides of a split person.
        sides: dict[tuple[Hashable, Hashable], list[int]] = defaultdict(list)
        for track, realm, name in links.names:
            known = self._names.setdefault(self.find(track), {})
            if known.setdefault(realm, name) != name:
                self._contradict(track, track, "different", evidence)
                continue
            others = sides[realm, name]
            if not any(self._join(other, track) is not None for other in others):
                if others:
                    self._contradict(others[0], track, "same", evidence)
                others.append(track)

    def find(self, track: int) -> int:
        """Return the number of the track that stands for the group of a track."""
        root = track
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[track] != root:
            self._parent[track], track = root, self._parent[track]
        return root

    def are_apart(self, first: int, second: int) -> bool:
        """Return whether two tracks are known to show two people."""
        one, two = self.find(first), self.find(second)
        return one != two and (two in self._against[one] or self._named_apart(one, two))

    def labels(self) -> NDArray[np.int64]:
        """Return (count,) group of each track, numbered from 0 in the order of the first track."""
        roots = [self.find(track) for track in range(len(self._parent))]
        numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
        return np.array([numbers[root] for root in roots], np.int64)

    def separations(self) -> list[Pair]:
        """Return pairs of tracks whose groups show two people, without pairs that only names separate."""
        return sorted((one, two) for one, others in self._against.items() for two in others if one < two)

    def realms(self) -> dict[Hashable, NDArray[np.int64]]:
        """Return for each realm the (count,) number of each track's name, -1 for none."""
        found: dict[Hashable, NDArray[np.int64]] = {}
        numbers: dict[Hashable, dict[Hashable, int]] = defaultdict(dict)
        for track in range(len(self._parent)):
            for realm, name in self._names.get(self.find(track), {}).items():
                column = found.setdefault(realm, np.full(len(self._parent), -1, np.int64))
                column[track] = numbers[realm].setdefault(name, len(numbers[realm]))
        return found

    def _named_apart(self, one: int, two: int) -> bool:
        names, others = self._names.get(one, {}), self._names.get(two, {})
        return any(others.get(realm, name) != name for realm, name in names.items())

    def _contradict(self, first: int, second: int, said: str, evidence: str) -> None:
        self.contradictions.append(Contradiction(first, second, said, evidence))

    def _separate(self, first: int, second: int, evidence: str) -> None:
        one, two = self.find(first), self.find(second)
        if one == two:
            self._contradict(first, second, "different", evidence)
            return
        self._against[one].add(two)
        self._against[two].add(one)

    def _join(self, first: int, second: int) -> int | None:
        """Join the groups of two tracks, and return their common track; None if they show two people."""
        one, two = self.find(first), self.find(second)
        if one == two:
            return one
        if self.are_apart(one, two):
            return None
        keep, gone = min(one, two), max(one, two)
        self._parent[gone] = keep
        for other in self._against.pop(gone, set()):
            self._against[other].discard(gone)
            self._against[other].add(keep)
            self._against[keep].add(other)
        self._names.setdefault(keep, {}).update(self._names.pop(gone, {}))
        return keep


def pairs_in_frames(frames: Iterable[Iterable[int]]) -> list[Pair]:
    """Return the pairs of tracks that are seen in one frame.

    Args:
        frames: for each frame, the numbers of the tracks in it.

    Example:
        >>> pairs_in_frames([[0, 1], [1, 0], [2]])
        [(0, 1)]
    """
    found: set[Pair] = set()
    for tracks in {tuple(sorted(set(tracks))) for tracks in frames}:
        found |= {(one, two) for place, one in enumerate(tracks) for two in tracks[place + 1 :]}
    return sorted(found)
