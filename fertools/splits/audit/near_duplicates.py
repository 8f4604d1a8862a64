"""Find pictures that are copies of one another, without comparing every pair.

Pictures are compared by their perceptual hashes (`fertools.splits.audit.picture_hash`). The bits of a hash are dealt
into BANDS bands. Two hashes that differ in fewer bits than there are bands have at least one equal band. So pictures
are sorted by one band after another, and only pictures with an equal band are compared. No pair below the limit is
missed. Memory grows with the number of pictures and of pairs found. Each pair is then verified on its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fertools.splits.audit.picture_hash import BITS, MIRROR, Hashes, PictureFacts, read_detail

LIMIT = 28
"""Largest number of different bits, of 256, in two pictures that are looked at."""
BANDS = LIMIT + 1
CORRELATION = 0.95
"""Least correlation of the pixels of two pictures that count as copies."""
_BLOCK = 1 << 20
"""Pairs that are compared at once."""
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Copies:
    """Pairs of rows that show one picture.

    Attributes:
        pairs: (P, 2) row numbers, the smaller first.
        mirrored: P, whether one is the mirror image of the other.
        exact: P, whether all pixels are equal.
    """

    pairs: Integers
    mirrored: NDArray[np.bool_]
    exact: NDArray[np.bool_]

    def clusters(self, count: int) -> Integers:
        """Return the cluster of each of `count` rows: rows that pairs connect have one number."""
        ones = np.ones(len(self.pairs))
        graph = coo_matrix((ones, (self.pairs[:, 0], self.pairs[:, 1])), (count, count))
        return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def find_copies(facts: PictureFacts, paths: Sequence[Path | None], groups: Integers) -> Copies:
    """Return pairs of pictures that are equal, nearly equal or mirrored.

    Equal pictures are paired with the first of them only. That connects them, and keeps the number of pairs small.

    Args:
        facts: facts of N pictures.
        paths: N files of the pictures.
        groups: N group numbers. Nearly equal pictures of one group are not paired: frames of one video would give very
            many pairs.
    """
    first_of: dict[str, int] = {}
    exact = []
    firsts = []
    for row in np.flatnonzero(facts.usable).tolist():
        first = first_of.setdefault(facts.digests[row], row)
        if first == row:
            firsts.append(row)
        else:
            exact.append((first, row))
    rows = np.array(firsts, np.int64)
    near, mirrored = find_near(facts.hashes[rows], groups[rows])
    near = rows[near] if len(near) else np.empty((0, 2), np.int64)
    verified = _verify(near, mirrored, paths)
    pairs = np.concatenate([np.array(exact, np.int64).reshape(-1, 2), near[verified]])
    return Copies(
        pairs,
        np.concatenate([np.zeros(len(exact), np.bool_), mirrored[verified]]),
        np.arange(len(pairs)) < len(exact),
    )


def find_near(hashes: Hashes, groups: Integers, limit: int = LIMIT) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the pairs of different groups whose hashes differ in at most `limit` bits, plain or mirrored.

    Args:
        hashes: (N, 4) hashes.
        groups: N group numbers.
        limit: largest number of different bits.

    Returns:
        (P, 2) row numbers, the smaller first and sorted; and whether only the mirrored hash is near.
    """
    count = len(hashes)
    both = np.concatenate([hashes, hashes ^ MIRROR])
    bits = np.unpackbits(both.view(np.uint8), axis=1)
    found = []
    for band in range(limit + 1):
        # Every band gets low and high frequencies, because low ones are alike in all aligned faces.
        own = bits[:, band :: limit + 1].astype(np.int64)
        keys = own @ (1 << np.arange(own.shape[1]))
        for first, second in _equal_keys(keys):
            wanted = (first < count) | (second < count)
            first, second = first[wanted], second[wanted]
            different = groups[first % count] != groups[second % count]
            first, second = first[different], second[different]
            near = _is_near(both, first, second, limit)
            if near.any():
                found.append(np.stack([first[near], second[near]], axis=1))
    if not found:
        return np.empty((0, 2), np.int64), np.empty(0, np.bool_)
    pairs = np.concatenate(found)
    flipped = (pairs >= count).any(axis=1)
    ordered = np.sort(pairs % count, axis=1)
    # Plain pairs come first, so that a symmetric picture counts as a plain copy.
    table = np.unique(np.column_stack([ordered, flipped]), axis=0)
    _, kept = np.unique(table[:, :2], axis=0, return_index=True)
    return table[kept, :2], table[kept, 2].astype(np.bool_)


def _equal_keys(keys: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Yield row numbers of all pairs with equal keys, in blocks no longer than `keys`."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    places = np.arange(len(keys))
    distance = 0
    while len(places):
        distance += 1
        places = places[places + distance < len(keys)]
        # A key that equals the one `distance` places further also equals those between, so places only become fewer.
        places = places[ordered[places] == ordered[places + distance]]
        for start in range(0, len(places), _BLOCK):
            block = places[start : start + _BLOCK]
            yield order[block], order[block + distance]


def _is_near(hashes: Hashes, first: Integers, second: Integers, limit: int) -> NDArray[np.bool_]:
    """Return which pairs differ in at most `limit` bits; most are ruled out by their first 64 bits."""
    near = np.zeros(len(first), np.bool_)
    open_ = np.arange(len(first))
    distance = np.zeros(len(first), np.int64)
    for word in range(BITS // 64):
        distance = distance + count_bits(hashes[first[open_], word] ^ hashes[second[open_], word])
        kept = distance <= limit
        open_, distance = open_[kept], distance[kept]
    near[open_] = True
    return near


def count_bits(words: NDArray[np.uint64]) -> Integers:
    """Return the number of bits that are 1 in each word.

    Example:
        >>> count_bits(np.array([0, 7, 2**64 - 1], np.uint64)).tolist()
        [0, 3, 64]
    """
    # numpy.bitwise_count needs NumPy 2.
    ones, pairs, fours = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
    words = words - ((words >> np.uint64(1)) & ones)
    words = (words & pairs) + ((words >> np.uint64(2)) & pairs)
    words = (words + (words >> np.uint64(4))) & fours
    return ((words * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.int64)


def _verify(pairs: Integers, mirrored: NDArray[np.bool_], paths: Sequence[Path | None]) -> NDArray[np.bool_]:
    """Return which pairs also have correlated pixels."""

    @lru_cache(maxsize=512)
    def detail(row: int) -> NDArray[np.float64] | None:
        return read_detail(paths[row])

    verified = np.zeros(len(pairs), np.bool_)
    for number, (one, other) in enumerate(pairs.tolist()):
        first, second = detail(one), detail(other)
        if first is not None and second is not None:
            verified[number] = float((first * (second[:, ::-1] if mirrored[number] else second)).sum()) >= CORRELATION
    return verified
