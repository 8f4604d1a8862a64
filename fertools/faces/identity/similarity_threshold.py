"""The threshold of similarity, calibrated on pairs of tracks that are known to show two people.

Thresholds differ between datasets: light, cameras and ages change how alike strangers look. So the threshold is a
quantile of the similarities of known-different pairs of the same workspace: faces in one frame, and people that names
tell apart. Only where too few are known, the embedder's constant is used, and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.faces.identity.embedder import EmbedderCard, Floats
from fertools.faces.identity.links import Groups

LEAST_PAIRS = 100
"""Number of known-different pairs from which a threshold is calibrated."""
_MOST_PAIRS = 200_000
_MARGIN = 0.05
"""How far below the threshold a pair is doubtful, where too few pairs are known to measure it."""
_STRANGERS = 0.9
_DOUBT = 10.0
"""A pair is doubtful if this times as many different pairs would be joined at its similarity."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and its origin.

    Attributes:
        value: cosine above which two clusters are one person.
        doubtful: cosine from which two clusters may be one person.
        stranger: cosine that most pairs of different people do not reach.
        origin: `calibrated`, `constant` or `given`.
        pairs: number of known-different pairs.
        different: sorted similarities of these pairs.
    """

    value: float
    doubtful: float
    stranger: float
    origin: str
    pairs: int
    different: NDArray[np.float64]

    def confidence(self, similarity: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the share of known-different pairs that are less alike; NaN where no pair is known."""
        if not self.pairs:
            return np.full(len(similarity), np.nan)
        return np.searchsorted(self.different, similarity) / self.pairs


def calibrate(
    embeddings: Floats, groups: Groups, card: EmbedderCard, false_matches: float, given: float | None = None
) -> Threshold:
    """Return the threshold for tracks.

    Args:
        embeddings: (N, D) embeddings of length 1.
        groups: what is known of the tracks.
        card: the embedder, with its constant.
        false_matches: share of known-different pairs that may be more alike than the threshold.
        given: threshold of the user; None to calibrate.

    Raises:
        InputError: no threshold is given, too few pairs are known, and the embedder has no constant.
    """
    found = np.sort(_similarities(embeddings, groups))
    least, laxer = 1 - false_matches, max(0.0, 1 - _DOUBT * false_matches)
    calibrated = len(found) >= LEAST_PAIRS
    margin, stranger = _MARGIN, None
    if calibrated:
        margin = float(np.quantile(found, least) - np.quantile(found, laxer))
        stranger = float(np.quantile(found, _STRANGERS))
    if given is not None:
        value, origin = given, "given"
    elif calibrated:
        value, origin = float(np.quantile(found, least)), "calibrated"
    elif card.threshold is not None:
        value, origin = card.threshold, "constant"
    else:
        raise InputError(
            f"only {len(found)} pairs of tracks are known to show two people, and {LEAST_PAIRS} are needed to "
            f"calibrate the threshold; give {argument('threshold')}, since nobody has measured one for {card.name}"
        )
    below = value - margin if stranger is None else min(stranger, value)
    return Threshold(value, value - margin, below, origin, len(found), found)


def _similarities(embeddings: Floats, groups: Groups) -> NDArray[np.float64]:
    """Return the cosines of tracks that are known to show two people."""
    labels = groups.labels()
    members = [np.flatnonzero(labels == one) for one in range(labels.max(initial=-1) + 1)] if len(labels) < 2000 else []
    first: list[NDArray[np.int64]] = []
    second: list[NDArray[np.int64]] = []
    for one, two in groups.separations():
        # All tracks of both people, where that is cheap.
        sides = (members[labels[one]], members[labels[two]]) if members else (np.array([one]), np.array([two]))
        grid = np.meshgrid(*sides)
        first.append(grid[0].ravel())
        second.append(grid[1].ravel())
    generator = np.random.default_rng(0)
    for realm in groups.realms().values():
        named = np.flatnonzero(realm >= 0)
        if len(named) ** 2 <= 2 * _MOST_PAIRS:
            ones, twos = (named[side] for side in np.triu_indices(len(named), 1))
        else:
            ones, twos = named[generator.integers(len(named), size=(2, _MOST_PAIRS))]
        apart = realm[ones] != realm[twos]
        first.append(ones[apart])
        second.append(twos[apart])
    if not first:
        return np.empty(0)
    pairs = np.unique(np.sort(np.stack([np.concatenate(first), np.concatenate(second)]), axis=0), axis=1)
    if pairs.shape[1] > _MOST_PAIRS:
        pairs = pairs[:, generator.choice(pairs.shape[1], _MOST_PAIRS, replace=False)]
    return np.asarray(np.einsum("ij,ij->i", embeddings[pairs[0]], embeddings[pairs[1]]), np.float64)
