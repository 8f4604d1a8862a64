"""The bootstrap over videos: what a measure would be, had other videos of the same kind been rated.

Frames of one video are much alike, so videos are drawn and not frames.

Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3 (percentile interval);
A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8 (whole clusters drawn).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
"""Share of the bootstrap distribution that an interval holds."""
MOST_GROUPS = 5000
"""More groups than this are put into so many bunches at random, and bunches are drawn; that makes an interval
narrower by a share of 1e-4."""
_CELLS = 4_000_000
"""How many draws are in memory at a time."""


def sum_by_group(terms: Floats, starts: npt.NDArray[np.int64]) -> Floats:
    """Return the sums of (n, s) terms over runs of rows that begin at `starts`, (g, s)."""
    return np.asarray(np.add.reduceat(terms, starts, axis=0), np.float64)


def resample_sums(sums: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    """Return what the total of (g, s) sums comes to in bootstrap samples of g groups, (replicates, s)."""
    if len(sums) > MOST_GROUPS:
        order = rng.permutation(len(sums))
        sums = sum_by_group(sums[order], np.arange(MOST_GROUPS) * len(sums) // MOST_GROUPS)
    groups = len(sums)
    together = max(1, _CELLS // groups)
    parts = []
    for begin in range(0, replicates, together):
        count = min(together, replicates - begin)
        drawn = rng.integers(groups, size=(count, groups)) + groups * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * groups).reshape(count, groups)
        parts.append(weights.astype(np.float64) @ sums)
    return np.concatenate(parts) if parts else np.empty((0, sums.shape[1]))


def interval_of(samples: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the percentile interval of (replicates, ...) samples, nan where half or more are undefined."""
    if not len(samples):
        empty = np.full(samples.shape[1:], np.nan)
        return empty, empty
    enough = np.isfinite(samples).mean(axis=0) > 0.5
    tail = (1 - LEVEL) / 2
    filled = np.where(enough, samples, 0.0)
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)
