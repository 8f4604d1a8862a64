"""Name people so that identifiers stay, and list what is doubtful about them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.hashing import hash_bytes
from fertools.faces.identity.embedder import Floats
from fertools.faces.identity.links import Groups
from fertools.faces.identity.similarity_threshold import Threshold

MOST_PAIRS = 1000
"""Doubtful pairs that are listed, the most alike first."""
_BLOCK = 512
Labels = NDArray[np.int64]


def name_people(
    labels: Labels, stated: Mapping[int, str], earlier: Mapping[int, str], faces: Sequence[str]
) -> list[str]:
    """Return the subject of each person.

    A person with stated names takes the most frequent one. Another keeps the identifier of an earlier run: each
    identifier goes to the person with most of its tracks. A new person gets an identifier that follows from its faces.

    Args:
        labels: (N,) person of each track, from 0.
        stated: name of each track that a dataset, a folder or a table names.
        earlier: subject of each track in an earlier run.
        faces: one face identifier of each track.
    """
    names: list[str | None] = [None] * (int(labels.max(initial=-1)) + 1)
    taken: set[str] = set()
    for known in (stated, earlier):
        overlap = Counter((int(labels[track]), name) for track, name in known.items())
        for (person, name), _ in sorted(overlap.items(), key=lambda item: (-item[1], item[0][1], item[0][0])):
            if names[person] is None and name not in taken:
                names[person] = name
                taken.add(name)
        # An identifier that is not in use any more is not given to somebody else.
        taken |= set(known.values())
    first: dict[int, str] = {}
    for track, face in enumerate(faces):
        person = int(labels[track])
        first[person] = min(first.get(person, face), face)
    result: list[str] = []
    for person, kept in enumerate(names):
        subject = kept or _new_name(first[person], taken)
        taken.add(subject)
        result.append(subject)
    return result


def _new_name(face: str, taken: set[str]) -> str:
    """Return an identifier that follows from a face, and that nobody has."""
    names = (f"p{hash_bytes(face.encode(), number.to_bytes(4, 'little'))[:12]}" for number in itertools.count())
    return next(name for name in names if name not in taken)


@dataclass(frozen=True)
class Doubts:
    """What is doubtful.

    Attributes:
        inside: (N,) mean cosine of each track and the other tracks of its person; NaN for a track alone.
        tracks: (N,) whether a track may be another person's.
        pairs: pairs of people that may be one person, with their mean cosine, the most alike first.
    """

    inside: NDArray[np.float64]
    tracks: NDArray[np.bool_]
    pairs: tuple[tuple[int, int, float], ...]


def find_doubts(embeddings: Floats, labels: Labels, groups: Groups, threshold: Threshold) -> Doubts:
    """Return what is doubtful about people.

    A track is doubtful if it is on average less like the rest of its person than the threshold asks. A pair of people
    is doubtful if it is nearly as alike, and nothing says that they are two.

    Args:
        embeddings: (N, D) embeddings of length 1.
        labels: (N,) person of each track, from 0.
        groups: what is known of the tracks, without people of earlier runs: these may be one.
        threshold: the threshold.
    """
    count = int(labels.max(initial=-1)) + 1
    sizes = np.bincount(labels, minlength=count)
    sums = np.zeros((count, embeddings.shape[1]))
    np.add.at(sums, labels, embeddings)
    own = np.einsum("ij,ij->i", sums[labels], embeddings) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(sizes[labels] > 1, own / (sizes[labels] - 1), np.nan)
    doubtful = inside < threshold.value
    means = (sums / np.maximum(sizes, 1)[:, None]).astype(np.float32)
    apart = _Apart(labels, groups)
    found: list[tuple[int, int, float]] = []
    for start in range(0, count, _BLOCK):
        alike = means[start : start + _BLOCK] @ means.T
        ones, twos = np.nonzero(alike >= threshold.doubtful)
        for one, two in zip((ones + start).tolist(), twos.tolist(), strict=True):
            if one < two and not apart(one, two):
                found.append((one, two, float(alike[one - start, two])))
        found = sorted(found, key=lambda pair: -pair[2])[:MOST_PAIRS]
    return Doubts(inside, doubtful, tuple(found))


class _Apart:
    """Which people are known to be two, by their numbers."""

    def __init__(self, labels: Labels, groups: Groups) -> None:
        pairs = ((int(labels[one]), int(labels[two])) for one, two in groups.separations())
        self._pairs = {(min(pair), max(pair)) for pair in pairs}
        self._names: list[dict[int, int]] = []
        for realm in groups.realms().values():
            named = np.flatnonzero(realm >= 0)
            self._names.append(dict(zip(labels[named].tolist(), realm[named].tolist(), strict=True)))

    def __call__(self, one: int, two: int) -> bool:
        return (min(one, two), max(one, two)) in self._pairs or any(
            names.get(one, -1) >= 0 and names.get(two, names.get(one)) != names[one] for names in self._names
        )
