"""One number for the leakage of a split: how similar faces are to the nearest one in another part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fertools.faces.identity.embedder import Floats
from fertools.splits.audit.coded_column import Codes
from fertools.splits.audit.near_duplicates import count_bits
from fertools.splits.audit.picture_hash import BITS, Hashes

Measure = Literal["face embeddings", "picture hashes"]
_QUERIES, _CANDIDATES = 500, 10_000
"""Numbers of faces in the samples that are compared, so that time does not grow with the square of the dataset."""


@dataclass(frozen=True)
class Leakage:
    """Similarity across the parts of a split: the mean over faces of that to the most similar face in another part.

    Attributes:
        split: its value for the split.
        random: the same for a random split with parts of the same sizes. A split that keeps people together is below.
        measure: what is compared: the cosine of face embeddings, or the share of equal bits of picture hashes.
    """

    split: float
    random: float
    measure: Measure = "picture hashes"


def measure_leakage(vectors: Hashes | Floats, parts: Codes, seed: int = 0) -> Leakage | None:
    """Return the leakage of a split; None if it has fewer than two parts.

    Args:
        vectors: (N, 4) hashes, or (N, D) embeddings of length 1.
        parts: (N,) numbers of the parts; rows without a part, -1, do not count.
        seed: seed of the samples and of the random split.
    """
    rows = np.flatnonzero(parts >= 0)
    if len(np.unique(parts[rows])) < 2:
        return None
    random = np.random.default_rng(seed)
    chosen = rows[random.permutation(len(rows))[:_CANDIDATES]]
    shuffled = random.permutation(parts[chosen])
    measure: Measure = "picture hashes" if vectors.dtype == np.uint64 else "face embeddings"
    split, by_chance = (_mean_best(vectors[chosen], own) for own in (parts[chosen], shuffled))
    return Leakage(split, by_chance, measure)


def _mean_best(vectors: Hashes | Floats, parts: Codes) -> float:
    best = []
    for row in range(min(_QUERIES, len(vectors))):
        others = vectors[parts != parts[row]]
        if len(others):
            best.append(float(_similarities(others, vectors[row]).max()))
    return float(np.mean(best)) if best else 0.0


def _similarities(others: Any, one: Any) -> Floats:
    if others.dtype == np.uint64:
        return np.asarray(1 - count_bits(others ^ one).sum(axis=1) / BITS, np.float32)
    return np.asarray(others @ one, np.float32)
