"""Short cuts: how well a label or a part can be guessed without looking at the face.

For each label, the faces with it are compared to all others by one cue at a time: colour, brightness, background, width
or the dataset's name. The score is the largest difference of the two distribution functions (Kolmogorov-Smirnov). A
threshold at that place guesses the label with a balanced accuracy of (1 + score) / 2. For a name, it is the total
variation.

Pictures of one person are alike, so chance is measured over people: the shares of the label are dealt again among them.
The p-value is the share of such permutations that give the score or more.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.picture_hash import PictureFacts

LEAST = 0.5
"""Least score that is reported: a balanced accuracy of 0.75."""
LEAST_PEOPLE = 5
"""Least number of people on each side of a comparison."""
CHANCE = 0.05
"""Largest p-value that is reported. A finding is a warning if all comparisons together stay below it, else a note."""
PERMUTATIONS = 9_999
_CHUNK, _PLACES, _MOST_PEOPLE = 500, 64, 2_000
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Cue:
    """A property of N pictures: numbers, or the codes of names."""

    name: str
    values: Floats
    names: tuple[str, ...] = ()

    def profiles(self, rows: NDArray[np.intp]) -> Floats:
        """Return (R, K): the distribution function at K places, or the indicator of K names."""
        values = self.values[rows, np.newaxis]
        if self.names:
            return np.asarray(values == np.arange(len(self.names)), np.float64)
        places = np.unique(np.quantile(self.values[rows], np.linspace(0, 1, _PLACES), method="lower"))
        return np.asarray(values <= places, np.float64)

    def score(self, differences: Floats) -> Floats:
        """Return the score of each row of (..., K) differences between two profiles."""
        sizes = np.abs(differences)
        return np.asarray(sizes.sum(axis=-1) / 2 if self.names else sizes.max(axis=-1), np.float64)

    def describe(self, inside: Bools, outside: Bools) -> str:
        """Say how the rows inside differ."""
        first, second = self.values[inside], self.values[outside]
        if self.names:
            shares = [np.array([(side == code).mean() for code in range(len(self.names))]) for side in (first, second)]
            best = int(np.argmax(shares[0] - shares[1]))
            return (
                f"{shares[0][best]:.0%} of its faces are of '{self.names[best]}', but only {shares[1][best]:.0%} of "
                "others"
            )
        _, threshold, above = separate(first, second)
        words = "above" if above else "at most"
        counts = [int((side > threshold if above else side <= threshold).sum()) for side in (first, second)]
        return (
            f"{counts[0]} of {len(first)} faces are {words} {threshold:.3g}, but only {counts[1]} of {len(second)} "
            "others"
        )


def find_shortcuts(table: AuditTable, facts: PictureFacts, *, seed: int = 0) -> Iterator[Finding]:
    """Yield each label or part that one cue gives away, with its score and p-value.

    Args:
        table: the rows.
        facts: facts of their pictures.
        seed: seed of the permutations.
    """
    people, _ = encode(
        [subject if subject is not None else (row,) for row, subject in enumerate(table.column("subject"))]
    )
    cues = [_Cue(name, numbers) for name, numbers in facts.numbers.items()]
    datasets, names = encode(table.column("dataset"))
    cues.append(_Cue("dataset", np.where(datasets < 0, np.nan, datasets), tuple(map(str, names))))
    compared, found = 0, []
    for what, values in (("label", table.column("emotion")), ("part", table.parts)):
        codes, names = encode(values)
        pairs = np.unique(np.stack([codes, people]), axis=1)
        counts = np.bincount(pairs[0][pairs[0] >= 0], minlength=len(names))
        for code in np.flatnonzero(counts >= LEAST_PEOPLE).tolist():
            for cue in cues:
                known = np.isfinite(cue.values) & (codes >= 0)
                inside, outside = known & (codes == code), known & (codes != code)
                if min(_count(people[inside]), _count(people[outside])) < LEAST_PEOPLE:
                    continue
                compared += 1
                score = _score(cue, inside, outside)
                if score >= LEAST:
                    found.append((what, str(names[code]), cue, inside, outside, score))
    for what, name, cue, inside, outside, score in found:
        chance = permutation_p(cue, inside, outside, people, np.random.default_rng(seed))
        if chance <= CHANCE:
            yield Finding(
                "shortcut",
                "warning" if chance * compared <= CHANCE else "note",
                f"the {what} '{name}' can be guessed by {cue.name} alone: {cue.describe(inside, outside)} "
                f"(score {score:.2f}, {_count(people[inside])} people, p = {chance:.2g} over people)",
            )


def _score(cue: _Cue, inside: Bools, outside: Bools) -> float:
    profiles = [cue.profiles(np.flatnonzero(inside | outside))[side[inside | outside]] for side in (inside, outside)]
    return float(cue.score(profiles[0].mean(axis=0) - profiles[1].mean(axis=0)))


def permutation_p(
    cue: _Cue, inside: Bools, outside: Bools, people: NDArray[np.int64], random: np.random.Generator
) -> float:
    """Return the share of permutations over people that give the score of the rows inside, or more.

    Each person gets the share of another person, and each of the person's faces counts with that share as inside. Of
    many people, a random sample is taken.
    """
    chosen = np.unique(people[inside | outside])
    if len(chosen) > _MOST_PEOPLE:
        chosen = random.permutation(chosen)[:_MOST_PEOPLE]
        kept = np.isin(people, chosen)
        inside, outside = inside & kept, outside & kept
        if not (inside.any() and outside.any()):
            return 1.0
    rows = np.flatnonzero(inside | outside)
    who = np.unique(people[rows], return_inverse=True)[1].reshape(-1)
    profiles = cue.profiles(rows)
    faces = np.bincount(who).astype(np.float64)
    sums = np.zeros((len(faces), profiles.shape[1]))
    np.add.at(sums, who, profiles)
    shares = np.bincount(who, weights=inside[rows]) / faces
    observed = _score(cue, inside, outside)
    total, as_good = sums.sum(axis=0), 0
    for start in range(0, PERMUTATIONS, _CHUNK):
        count = min(_CHUNK, PERMUTATIONS - start)
        dealt = random.permuted(np.broadcast_to(shares, (count, len(shares))), axis=1)
        weight = (dealt @ faces)[:, np.newaxis]
        first = dealt @ sums
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = cue.score(first / weight - (total - first) / (len(rows) - weight))
        as_good += int((scores >= observed - 1e-9).sum())
    return (as_good + 1) / (PERMUTATIONS + 1)


def separate(first: Floats, second: Floats) -> tuple[float, float, bool]:
    """Return the largest difference of two distribution functions, its place, and whether the first is above it.

    Example:
        >>> separate(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
        (1.0, 2.0, True)
    """
    places = np.unique(np.concatenate([first, second]))
    shares = [np.searchsorted(np.sort(values), places, side="right") / len(values) for values in (first, second)]
    best = int(np.argmax(np.abs(shares[0] - shares[1])))
    difference = float(shares[0][best] - shares[1][best])
    return abs(difference), float(places[best]), difference < 0


def encode(values: Sequence[Hashable]) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Return a code per value, -1 for None, and the values in the order of their codes.

    Example:
        >>> encode(["b", None, "a", "b"])
        (array([ 0, -1,  1,  0]), ['b', 'a'])
    """
    found: dict[Hashable, int] = {}
    codes = [-1 if value is None else found.setdefault(value, len(found)) for value in values]
    return np.array(codes, np.int64), list(found)


def _count(people: NDArray[np.int64]) -> int:
    return len(np.unique(people))
