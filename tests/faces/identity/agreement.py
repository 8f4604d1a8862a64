"""How far two clusterings agree: B-cubed and pairwise precision, recall and F.

Source: Amigó et al., "A comparison of extrinsic clustering evaluation metrics", Information Retrieval 12, 2009.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def b_cubed(truth: ArrayLike, found: ArrayLike) -> tuple[float, float, float]:
    """Return B-cubed precision, recall and F of labels."""
    one, two = np.asarray(truth), np.asarray(found)
    alike, joined = one[:, None] == one, two[:, None] == two
    both = (alike & joined).sum(axis=1)
    return _with_f(float((both / joined.sum(axis=1)).mean()), float((both / alike.sum(axis=1)).mean()))


def pairwise(truth: ArrayLike, found: ArrayLike) -> tuple[float, float, float]:
    """Return precision, recall and F of the pairs that labels join."""
    one, two = np.asarray(truth), np.asarray(found)
    upper = np.triu_indices(len(one), 1)
    alike, joined = (one[:, None] == one)[upper], (two[:, None] == two)[upper]
    both = float((alike & joined).sum())
    return _with_f(both / max(float(joined.sum()), 1), both / max(float(alike.sum()), 1))


def _with_f(precision: float, recall: float) -> tuple[float, float, float]:
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)
