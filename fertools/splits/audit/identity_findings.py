"""What face embeddings say of subjects: one person under two names, and a track that is not like its own person.

Embeddings of one track are averaged, as `fertools identify` does. The threshold is that of its last run, which was
calibrated on pairs that are known to show two people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.faces.identity.embedder import Floats, unit
from fertools.splits.audit.audit_finding import Finding, count_cases
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.coded_column import Integers, combine

STRANGE = 0.9
"""Share of different people who are less alike than a track and the rest of its subject must be, as in `identify`."""
_BLOCK = 1024
_STRANGERS = 20_000
"""Number of pairs of different people that are compared to learn how alike strangers are."""


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of some rows.

    Attributes:
        rows: (E,) row numbers.
        vectors: (E, D) of length 1.
        threshold: cosine above which two people count as one.
    """

    rows: Integers
    vectors: Floats
    threshold: float


@dataclass(frozen=True)
class _Tracks:
    """T tracks: a row of each, its subject and its embedding."""

    rows: Integers
    subjects: Integers
    vectors: Floats


def find_identities(table: AuditTable, embeddings: Embeddings) -> Iterator[Finding]:
    """Yield pairs of subjects that look like one person, and tracks that do not look like their subject."""
    tracks = _tracks(table, embeddings)
    subjects, place = np.unique(tracks.subjects, return_inverse=True)
    if len(subjects) < 2:
        return
    place = place.reshape(-1)
    sums = np.zeros((len(subjects), tracks.vectors.shape[1]), np.float32)
    np.add.at(sums, place, tracks.vectors)
    means = unit(sums)
    pairs = _alike(means, embeddings.threshold)
    first = np.unique(place, return_index=True)[1]
    words = "pairs of subjects whose faces look like one person"
    groups = [[int(tracks.rows[first[one]]), int(tracks.rows[first[other]])] for one, other in pairs]
    yield from count_cases("one-person-two-subjects", "warning", words, groups)
    yield from _strangers(tracks, place, sums, means)


def _strangers(tracks: _Tracks, place: Integers, sums: Floats, means: Floats) -> Iterator[Finding]:
    """Find tracks that are no more like the rest of their subject than different people are like one another."""
    generator = np.random.default_rng(0)
    one, other = generator.integers(len(place), size=(2, _STRANGERS))
    apart = place[one] != place[other]
    strange = float(np.quantile(_cosines(tracks.vectors[one[apart]], means[place[other[apart]]]), STRANGE))
    several = np.bincount(place)[place] > 1
    rest = unit(np.where(several[:, np.newaxis], sums[place] - tracks.vectors, 1))
    own = _cosines(tracks.vectors, rest)
    odd = np.flatnonzero(several & (own < strange))
    groups = []
    for track in odd[np.argsort(own[odd], kind="stable")].tolist():
        beside = np.flatnonzero((place == place[track]) & (np.arange(len(place)) != track))
        groups.append([int(tracks.rows[track]), *tracks.rows[beside[:3]].tolist()])
    words = "tracks that look like another person than their subject"
    yield from count_cases("unlike-own-subject", "warning", words, groups)


def _tracks(table: AuditTable, embeddings: Embeddings) -> _Tracks:
    """Return the tracks of known subjects; a picture is a track of its own."""
    subjects = table.column("subject").codes[embeddings.rows]
    known = subjects >= 0
    rows, vectors = embeddings.rows[known], embeddings.vectors[known]
    tracks = combine(table.column("source"), table.column("track"))[rows].astype(np.int64)
    keys = np.stack([subjects[known], np.where(tracks >= 0, tracks, -1 - rows)])
    _, first, place = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), vectors.shape[1]), np.float32)
    np.add.at(sums, place.reshape(-1), vectors)
    return _Tracks(rows[first], subjects[known][first].astype(np.int64), unit(sums))


def _alike(means: Floats, threshold: float) -> list[tuple[int, int]]:
    """Return the pairs of means above the threshold, the most alike first."""
    found = []
    for start in range(0, len(means), _BLOCK):
        cosines = means[start : start + _BLOCK] @ means[start:].T
        first, second = np.nonzero(cosines >= threshold)
        later = second > first
        pairs = zip(first[later] + start, second[later] + start, strict=True)
        found += [(float(cosines[one - start, other - start]), int(one), int(other)) for one, other in pairs]
    return [(one, other) for _, one, other in sorted(found, reverse=True)]


def _cosines(first: Floats, second: Floats) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ij,ij->i", first, second), np.float64)
