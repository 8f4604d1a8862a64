"""One number for the leakage of a split: how similar faces are to the nearest one in another part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fertools.splits.audit.near_duplicates import Integers, count_bits
from fertools.splits.audit.picture_hash import BITS, Hashes

_QUERIES, _CANDIDATES = 500, 10_000
"""Numbers of faces in the samples that are compared, so that time does not grow with the square of the dataset."""


@dataclass(frozen=True)
class Leakage:
    """Similarity across the parts of a split.

    Attributes:
        split: mean share of equal hash bits of a face and the most similar face in another part.
        random: the same for a random split with parts of the same sizes. A split that keeps people together is below.
    """

    split: float
    random: float


def measure_leakage(hashes: Hashes, parts: Sequence[str], seed: int = 0) -> Leakage | None:
    """Return the leakage of a split; None if it has fewer than two parts.

    Args:
        hashes: (N, 4) hashes.
        parts: N parts.
        seed: seed of the samples and of the random split.
    """
    if len(set(parts)) < 2:
        return None
    random = np.random.default_rng(seed)
    numbers = np.unique(np.array(parts), return_inverse=True)[1].reshape(-1).astype(np.int64)
    chosen = random.permutation(len(numbers))[:_CANDIDATES]
    shuffled = random.permutation(numbers[chosen])
    return Leakage(_mean_best(hashes[chosen], numbers[chosen]), _mean_best(hashes[chosen], shuffled))


def _mean_best(hashes: Hashes, parts: Integers) -> float:
    best = []
    for row in range(min(_QUERIES, len(hashes))):
        others = hashes[parts != parts[row]]
        if len(others):
            best.append(1 - int(count_bits(others ^ hashes[row]).sum(axis=1).min()) / BITS)
    return float(np.mean(best)) if best else 0.0
