"""Find pictures that are copies of one another.

Pictures are compared by their perceptual hashes (`fertools.splits.audit.picture_hash`), each with each, so that no pair
below the limit is missed. Compiled code does that in about 1.5 ns for a pair (`fertools.core.native`).
Without it, the bits become +1 and -1, and comparing a block of pictures is a matrix product, at a seventh of the speed.
Memory does not grow with the number of pairs. The pairs found are then verified on their pixels
(`fertools.splits.audit.picture_detail`).

Both limits were set on pictures of known people (AT&T, Yale, wild and thermal faces), see decision 43.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fertools.core.native.library import library
from fertools.core.processes import processors
from fertools.core.spreading import Spread
from fertools.splits.audit.picture_detail import Detail, compare_detail, read_detail
from fertools.splits.audit.picture_hash import BITS, MIRROR, Hashes, PictureFacts

LIMIT = 64
"""Largest number of different bits, of 256, in two pictures that are looked at."""
CORRELATION = 0.9
"""Least correlation of the fine structure of two pictures that count as copies."""
NEAREST = 32
"""Largest number of pairs of one picture that are looked at, the nearest first."""
_BLOCK = 1024
"""Pictures that are compared at once with as many others."""
_PENDING = 1 << 21
"""Pairs that are held before all but the nearest of each picture are dropped."""
_INVERTED = np.unpackbits(MIRROR.view(np.uint8)).astype(np.bool_)
_ORDER = np.argsort(_INVERTED, kind="stable")
_SAME_BITS = int((~_INVERTED).sum())
"""Number of bits that a mirrored picture has too."""
_MIRROR: Hashes = np.packbits(_INVERTED[_ORDER]).view(np.uint64)
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

    def only(self, mask: NDArray[np.bool_]) -> Copies:
        """Return some of the pairs."""
        return Copies(self.pairs[mask], self.mirrored[mask], self.exact[mask])

    def clusters(self, count: int) -> Integers:
        """Return the cluster of each of `count` rows: rows that pairs connect have one number."""
        ones = np.ones(len(self.pairs))
        graph = coo_matrix((ones, (self.pairs[:, 0], self.pairs[:, 1])), (count, count))
        return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def find_copies(
    facts: PictureFacts, paths: Sequence[Path | None], groups: Integers, spread: Spread | None = None
) -> Copies:
    """Return pairs of pictures that are equal, nearly equal or mirrored.

    The pairs connect the copies of each picture. Not every two copies are a pair, which keeps their number small.

    Args:
        facts: facts of N pictures.
        paths: N files of the pictures.
        groups: N group numbers. Nearly equal pictures of one group are not paired: frames of one video would give very
            many pairs.
        spread: how to spread the comparison over machines; None compares here.
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
    similar = find_near(facts.hashes[rows], groups[rows], spread=spread)
    near = NearPairs(rows[similar.pairs], similar.distances, similar.mirrored)
    verified = _verify(near, paths)
    pairs = np.concatenate([np.array(exact, np.int64).reshape(-1, 2), near.pairs[verified]])
    return Copies(
        pairs,
        np.concatenate([np.zeros(len(exact), np.bool_), near.mirrored[verified]]),
        np.arange(len(pairs)) < len(exact),
    )


@dataclass(frozen=True)
class NearPairs:
    """Pairs of rows with similar hashes, the most similar first.

    Attributes:
        pairs: (P, 2) row numbers, the smaller first.
        distances: P numbers of different bits.
        mirrored: P, whether the mirrored picture is the nearer one.
    """

    pairs: Integers
    distances: Integers
    mirrored: NDArray[np.bool_]


def find_near(hashes: Hashes, groups: Integers, limit: int = LIMIT, spread: Spread | None = None) -> NearPairs:
    """Return the pairs of different groups whose hashes differ in at most `limit` bits, plain or mirrored.

    Of a picture with more than NEAREST such pairs to later rows, the nearest are returned.

    Args:
        hashes: (N, 4) hashes.
        groups: N group numbers.
        limit: largest number of different bits.
        spread: how to spread blocks of pictures over machines; None compares here.
    """
    starts = range(0, len(hashes), _BLOCK)
    compare = _Comparison(_mirrored_last(hashes), groups, limit)
    if spread is not None:
        found = list(spread(compare, starts))
    elif library() is None:
        # NumPy multiplies matrices in all processors already.
        found = list(map(compare, starts))
    else:
        with ThreadPoolExecutor(processors()) as pool:
            found = list(pool.map(compare, starts))
    table = np.concatenate([np.empty((0, 4), np.int64), *found])
    table = table[np.lexsort((table[:, 1], table[:, 0], table[:, 2]))]
    return NearPairs(table[:, :2], table[:, 2], table[:, 3].astype(np.bool_))


def _mirrored_last(hashes: Hashes) -> Hashes:
    """Return hashes with the bits that mirroring inverts after the others."""
    ordered = np.empty_like(hashes)
    for start in range(0, len(hashes), _BLOCK):
        bits = np.unpackbits(hashes[start : start + _BLOCK].view(np.uint8), axis=1)
        ordered[start : start + _BLOCK] = np.packbits(np.take(bits, _ORDER, axis=1), axis=1).view(np.uint64)
    return ordered


@dataclass(frozen=True)
class _Comparison:
    """Compares a block of pictures with all later ones.

    Attributes:
        hashes: (N, 4) hashes with the bits that mirroring inverts after the others.
        groups: N group numbers.
        limit: largest number of different bits.
    """

    hashes: Hashes
    groups: Integers
    limit: int

    def __call__(self, start: int) -> Integers:
        """Return rows of first, second, distance and whether mirrored: the NEAREST of each picture of a block."""
        if (compiled := library()) is not None:
            rows = range(start, min(start + _BLOCK, len(self.hashes)))
            return compiled.near(self.hashes, self.groups, _MIRROR, rows, self.limit, NEAREST)
        found, held = [np.empty((0, 4), np.int64)], 0
        for pairs in self._multiply(start):
            found.append(pairs)
            held += len(pairs)
            if held > _PENDING:
                found, held = [_nearest(np.concatenate(found))], 0
        return _nearest(np.concatenate(found))

    def _multiply(self, start: int) -> Iterator[Integers]:
        ones = _signs(self.hashes[start : start + _BLOCK])
        for further in range(start, len(self.hashes), _BLOCK):
            others = _signs(self.hashes[further : further + _BLOCK])
            # Mirroring negates the second part. So the two products give both distances.
            alike, turned = (one @ other.T for one, other in zip(ones, others, strict=True))
            equal = alike + np.abs(turned)
            first, second = (equal >= BITS - 2 * self.limit).nonzero()
            kept = first + start < second + further
            kept &= self.groups[first + start] != self.groups[second + further]
            first, second = first[kept], second[kept]
            distances = (BITS - equal[first, second].astype(np.int64)) // 2
            mirrored = turned[first, second] < 0
            yield np.column_stack([first + start, second + further, distances, mirrored])


def _signs(hashes: Hashes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the bits as +1 and -1: (N, E) that a mirrored picture has too, and (N, O) that mirroring negates."""
    signs = np.unpackbits(hashes.view(np.uint8), axis=1).astype(np.float32) * 2 - 1
    return signs[:, :_SAME_BITS], signs[:, _SAME_BITS:]


def _nearest(table: Integers) -> Integers:
    """Return the NEAREST rows of each first picture."""
    table = table[np.lexsort((table[:, 1], table[:, 2], table[:, 0]))]
    starts = np.searchsorted(table[:, 0], table[:, 0])
    return table[np.arange(len(table)) - starts < NEAREST]


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


def _verify(near: NearPairs, paths: Sequence[Path | None]) -> NDArray[np.bool_]:
    """Return which pairs are copies by their pixels; a pair that others already connect is left out."""
    cluster: dict[int, int] = {}

    def find(row: int) -> int:
        while (parent := cluster.get(row, row)) != row:
            cluster[row] = row = cluster.get(parent, parent)
        return row

    @lru_cache(maxsize=512)
    def detail(row: int) -> Detail | None:
        return read_detail(paths[row])

    verified = np.zeros(len(near.pairs), np.bool_)
    for number, (one, other) in enumerate(near.pairs.tolist()):
        if find(one) == find(other):
            continue
        first, second = detail(one), detail(other)
        if first is None or second is None:
            continue
        if near.mirrored[number]:
            second = np.ascontiguousarray(second[:, ::-1])
        if compare_detail(first, second) >= CORRELATION:
            verified[number] = True
            cluster[find(one)] = find(other)
    return verified
