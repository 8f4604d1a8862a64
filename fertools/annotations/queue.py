"""In which order each rater sees the faces: seeded, the same whenever it is computed, and recorded with its seed.

Everything goes by a hash of the seed, the face and the rater, so that faces and raters may be added without moving the
rest. A share of the faces (the overlap) is everyone's; each of the others goes to one rater, the one whose hash with it
is largest (rendezvous hashing), so that a newcomer takes an even share from all and nothing else changes hands. The
calibration faces come first, and again later, one between every few others.

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
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes

CALIBRATION, MAIN, REPEAT = range(len(PARTS))
REPEAT_AFTER = 50
"""Answers between the calibration and the first face of it that comes again."""
REPEAT_EVERY = 5
"""From then on, every how many faces one of the calibration set comes again."""

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Plan:
    """How faces are given to raters.

    Attributes:
        seed: another seed, another order.
        overlap: share of the faces that every rater gets, in [0, 1]; each of the others goes to one rater.
        calibration: how many faces with known ratings come first, with feedback; 0 for none.
        hidden: share of the pre-marked faces that are shown without their suggestion, in [0, 1].

    Raises:
        InputError: a share is outside [0, 1], or a number is negative.
    """

    seed: int = 0
    overlap: float = 1.0
    calibration: int = 0
    hidden: float = 0.2

    def __post_init__(self) -> None:
        for name in ("overlap", "hidden"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{argument(name)} {getattr(self, name)} is not a share in [0, 1]")
        if self.calibration < 0:
            raise InputError(f"{argument('calibration')} {self.calibration} is less than none")


@dataclass(frozen=True)
class Queue:
    """One rater's faces in order.

    Attributes:
        parts: (n,) uint8, of CALIBRATION, MAIN and REPEAT.
        rows: (n,) int64, the faces' rows in the catalogue.
    """

    parts: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


def make_queue(keys: Words, plan: Plan, calibration: Sequence[int], raters: Sequence[str], rater: str) -> Queue:
    """Return the order in which `rater` sees the faces.

    Args:
        keys: (n,) uint64, one per face, from its identifier.
        plan: seed and shares.
        calibration: rows of the faces that come first, in order.
        raters: all raters, `rater` among them.
        rater: whose queue.
    """
    own = _own(keys, plan, raters, rater)
    own[list(calibration)] = False
    rows = np.flatnonzero(own)
    # Two words of 64 bits are never the same, so the quick sort orders as a stable one would.
    rows = rows[np.argsort(draw(keys[rows], plan.seed, f"order:{rater}"))]
    first = np.asarray(calibration, np.int64)
    parts, places = [np.full(len(first), CALIBRATION, np.uint8)], [first]
    again = first[np.argsort(draw(keys[first], plan.seed, f"repeat:{rater}"), kind="stable")]
    # Positions in the main part that a repeated face is put before; what does not fit comes at the end.
    before = np.minimum(REPEAT_AFTER + REPEAT_EVERY * np.arange(len(again)), len(rows))
    places.append(np.insert(rows, before, again))
    parts.append(np.insert(np.full(len(rows), MAIN, np.uint8), before, REPEAT))
    return Queue(np.concatenate(parts), np.concatenate(places))


def is_hidden(keys: Words, plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which faces are shown without their suggestion, the same ones for every rater.

    Args:
        keys: (n,) uint64, one per face.
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
    """Return random words, one per face, that depend on the face, the seed and the purpose alone."""
    salt = np.uint64(int(hash_bytes(str(seed).encode(), purpose.encode())[:16], 16))
    return _mix(_mix(keys ^ salt) + salt)


def _mix(words: Words) -> Words:
    """Return the words with every bit spread over all others (the finaliser of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
