"""The queue of each rater: a seeded, reproducible order of faces.

The order depends on hashes of the seed, the face and the rater, so new faces and raters do not change the rest. All
raters get a share of the faces (the overlap). Each other face goes to the rater with the largest hash (rendezvous
hashing): a new rater takes an even share from everyone, and no other face changes its rater. The calibration faces come
first, and again later, one after every few other faces.

Source: D. G. Thaler and C. V. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6 (1998), for rendezvous hashing; G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014, for the mixing of 64-bit words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fertools.annotations.events import PARTS
from fertools.annotations.queue_plan import Plan
from fertools.core.hashing import hash_bytes

CALIBRATION, MAIN, REPEAT = range(len(PARTS))
REPEAT_AFTER = 50
"""Number of faces between the calibration set and its first repeated face."""
REPEAT_EVERY = 5
"""Number of faces between two repeated faces."""

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Queue:
    """The faces of one rater in order.

    Attributes:
        parts: N parts: CALIBRATION, MAIN or REPEAT.
        rows: N rows of faces in the catalogue.
    """

    parts: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


def make_queue(keys: Words, plan: Plan, calibration: Sequence[int], raters: Sequence[str], rater: str) -> Queue:
    """Return the queue of a rater.

    Args:
        keys: N uint64, one per face, from its identifier.
        plan: seed and shares.
        calibration: rows of the calibration faces, in order.
        raters: names of all raters, including `rater`.
        rater: name of the rater.
    """
    own = _own(keys, plan, raters, rater)
    own[list(calibration)] = False
    rows = np.flatnonzero(own)
    # Two words of 64 bits are practically never equal, so an unstable sort gives the same order as a stable one.
    rows = rows[np.argsort(draw(keys[rows], plan.seed, f"order:{rater}"))]
    first = np.asarray(calibration, np.int64)
    parts, places = [np.full(len(first), CALIBRATION, np.uint8)], [first]
    again = first[np.argsort(draw(keys[first], plan.seed, f"repeat:{rater}"), kind="stable")]
    # Positions in the main part before which repeated faces are inserted; the rest comes at the end.
    before = np.minimum(REPEAT_AFTER + REPEAT_EVERY * np.arange(len(again)), len(rows))
    places.append(np.insert(rows, before, again))
    parts.append(np.insert(np.full(len(rows), MAIN, np.uint8), before, REPEAT))
    return Queue(np.concatenate(parts), np.concatenate(places))


def is_hidden(keys: Words, plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which faces are shown without their suggestion; they are the same for every rater.

    Args:
        keys: N uint64, one per face.
        plan: seed and share.
    """
    return _share(keys, plan.seed, "hidden") < plan.hidden


def _own(keys: Words, plan: Plan, raters: Sequence[str], rater: str) -> npt.NDArray[np.bool_]:
    if plan.overlap >= 1 or len(raters) < 2:
        return np.ones(len(keys), bool)
    everyones: npt.NDArray[np.bool_] = _share(keys, plan.seed, "overlap") < plan.overlap
    mine = draw(keys, plan.seed, f"owner:{rater}")
    best = np.ones(len(keys), bool)
    for other in raters:
        if other != rater:
            best &= mine > draw(keys, plan.seed, f"owner:{other}")
    return everyones | best


def _share(keys: Words, seed: int, purpose: str) -> npt.NDArray[np.float64]:
    """Return numbers in [0, 1), one per face."""
    return draw(keys, seed, purpose).astype(np.float64) / 2.0**64


def draw(keys: Words, seed: int, purpose: str) -> Words:
    """Return random words, one per face, that depend only on the face, the seed and the purpose."""
    salt = np.uint64(int(hash_bytes(str(seed).encode(), purpose.encode())[:16], 16))
    return _mix(_mix(keys ^ salt) + salt)


def _mix(words: Words) -> Words:
    """Return the words with mixed bits (the finaliser of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
