"""Short cuts: how well a label or a part can be guessed without looking at the face.

For each label, the faces with it are compared to all others by one cue at a time: colour, brightness, background and
width of the picture, sharpness, brightness and face width as the manifest has them, or the dataset's name. The score is
the largest difference of the two distribution functions (Kolmogorov-Smirnov). A threshold at that place guesses the
label with a balanced accuracy of (1 + score) / 2. For a name, it is the total variation.

Pictures of one person are alike, so chance is measured over people: the shares of the label are dealt again among them.
The p-value is the share of such permutations that give the score or more.

Numbers are put into bins first, so that memory and time hardly grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.manifests.column_codes import distinct
from fertools.splits.audit.audit_finding import Finding, Severity
from fertools.splits.audit.audit_table import CUES, AuditTable, Numbers
from fertools.splits.audit.coded_column import Bools, Coded, Codes, Integers
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


@dataclass(frozen=True)
class _Cue:
    """A property of N pictures in K bins.

    Attributes:
        name: name of the property.
        bins: (N,) bin of each picture, -1 where the property is unknown.
        places: (K,) the largest number of each bin; or the names of K groups.
        named: whether the bins are groups with names.
    """

    name: str
    bins: Codes
    places: list[float] | list[str]
    named: bool

    def score(self, inside: Floats, outside: Floats) -> Floats:
        """Return the score of (..., K) shares of the bins on each side, with the sum 1.

        It is the total variation for names, else the largest difference of the distribution functions.
        """
        differences = np.abs(inside - outside if self.named else np.cumsum(inside - outside, axis=-1))
        return np.asarray(differences.sum(axis=-1) / 2 if self.named else differences.max(axis=-1), np.float64)

    def describe(self, inside: Integers, outside: Integers) -> str:
        """Say how the (K,) counts of the bins differ."""
        shares = [counts / counts.sum() for counts in (inside, outside)]
        if self.named:
            best = int(np.argmax(shares[0] - shares[1]))
            return (
                f"{shares[0][best]:.0%} of its faces are of '{self.places[best]}', but only {shares[1][best]:.0%} of "
                "others"
            )
        differences = np.cumsum(shares[0] - shares[1])
        best = int(np.argmax(np.abs(differences)))
        above = differences[best] < 0
        counts = [int(side[best + 1 :].sum() if above else side[: best + 1].sum()) for side in (inside, outside)]
        words = "above" if above else "at most"
        return (
            f"{counts[0]} of {inside.sum()} faces are {words} {self.places[best]:.3g}, but only {counts[1]} of "
            f"{outside.sum()} others"
        )


def find_shortcuts(table: AuditTable, facts: PictureFacts | None, *, seed: int = 0) -> Iterator[Finding]:
    """Yield each label or part that one cue gives away, with its score and p-value.

    Args:
        table: the rows.
        facts: facts of their pictures; None if nobody read them.
        seed: seed of the permutations.
    """
    people, cues = _people(table), list(_cues(table, facts))
    compared, found = 0, []
    for what, column in (("label", table.column("emotion")), ("part", table.parts)):
        for cue in cues:
            known = (cue.bins >= 0) & column.known
            counts = _crosstab(column.codes[known], len(column.values), cue.bins[known], len(cue.places))
            inside, outside = _count_people(column.codes[known], len(column.values), people[known])
            for code in np.flatnonzero(np.minimum(inside, outside) >= LEAST_PEOPLE).tolist():
                compared += 1
                sides = counts[code], counts.sum(axis=0) - counts[code]
                score = float(cue.score(*(side / side.sum() for side in sides)))
                if score >= LEAST:
                    words = f"the {what} '{column.values[code].as_py()}' can be guessed by {cue.name} alone"
                    words = f"{words}: {cue.describe(*sides)} (score {score:.2f}, {inside[code]} people, p ="
                    found.append((column.codes, code, cue, words))
    for codes, code, cue, words in found:
        chance = permutation_p(cue, codes >= 0, codes == code, people, np.random.default_rng(seed))
        if chance <= CHANCE:
            severity: Severity = "warning" if chance * compared <= CHANCE else "note"
            yield Finding("shortcut", severity, f"{words} {chance:.2g} over people)")


def _people(table: AuditTable) -> Integers:
    """Return a number for the person of each row; a row without a subject is a person of its own."""
    subject = table.column("subject").codes.astype(np.int64)
    return np.where(subject >= 0, subject, subject.max(initial=-1) + 1 + np.arange(len(subject)))


def _cues(table: AuditTable, facts: PictureFacts | None) -> Iterator[_Cue]:
    numbers: dict[str, Numbers] = dict(facts.numbers) if facts is not None else {}
    numbers |= {name: table.number(name) for name in CUES if name in table.numbers}
    for name, values in numbers.items():
        known = np.isfinite(values)
        if known.any():
            places = np.unique(np.quantile(values[known], np.linspace(0, 1, _PLACES), method="lower"))
            bins = np.where(known, np.searchsorted(places, values), -1).astype(np.int32)
            yield _Cue(name, bins, places.tolist(), named=False)
    dataset: Coded = table.column("dataset")
    if len(dataset.values) > 1:
        yield _Cue("dataset", dataset.codes, [str(name) for name in dataset.values.to_pylist()], named=True)


def _crosstab(rows: Codes | Integers, row_count: int, columns: Codes, column_count: int) -> Integers:
    places = rows.astype(np.int64) * column_count + columns
    return np.bincount(places, minlength=row_count * column_count).reshape(row_count, column_count)


def _count_people(codes: Codes, count: int, people: Integers) -> tuple[Integers, Integers]:
    """Return the (C,) numbers of people with and of people without each code; one person can be both."""
    if not len(codes):
        return np.zeros(count, np.int64), np.zeros(count, np.int64)
    who, what = np.divmod(distinct(people * count + codes, (int(people.max()) + 1) * count), count)
    kinds = np.bincount(who)
    alone = kinds[who] == 1
    inside = np.bincount(what, minlength=count)
    return inside, int((kinds > 0).sum()) - np.bincount(what[alone], minlength=count)


def permutation_p(cue: _Cue, known: Bools, inside: Bools, people: Integers, random: np.random.Generator) -> float:
    """Return the share of permutations over people that give the score of the rows inside, or more.

    Each person gets the share of another person, and each of the person's faces counts with that share as inside. Of
    many people, a random sample is taken.

    Args:
        cue: the property.
        known: (N,) rows that are compared, as far as they have the property.
        inside: (N,) which of them have the label.
        people: (N,) number of the person of each row.
        random: generator of the permutations.
    """
    rows = np.flatnonzero(known & (cue.bins >= 0))
    chosen = np.unique(people[rows])
    if len(chosen) > _MOST_PEOPLE:
        chosen = random.permutation(chosen)[:_MOST_PEOPLE]
        rows = rows[np.isin(people[rows], chosen)]
    who = np.unique(people[rows], return_inverse=True)[1].reshape(-1)
    if not inside[rows].any() or inside[rows].all():
        return 1.0
    profiles = _crosstab(who, len(chosen), cue.bins[rows], len(cue.places))
    faces = profiles.sum(axis=1)
    shares = np.bincount(who, weights=inside[rows]) / faces
    own = np.bincount(cue.bins[rows[inside[rows]]], minlength=len(cue.places))
    total, as_good = profiles.sum(axis=0), 0
    observed = float(cue.score(own / own.sum(), (total - own) / (total - own).sum()))
    for start in range(0, PERMUTATIONS, _CHUNK):
        count = min(_CHUNK, PERMUTATIONS - start)
        dealt = random.permuted(np.broadcast_to(shares, (count, len(shares))), axis=1)
        weight = (dealt @ faces)[:, np.newaxis]
        first = dealt @ profiles
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = cue.score(first / weight, (total - first) / (len(rows) - weight))
        as_good += int((scores >= observed - 1e-9).sum())
    return (as_good + 1) / (PERMUTATIONS + 1)
