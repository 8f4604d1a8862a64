"""How well two groups of feature vectors can be told apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_FOLDS = 5


def separability(some: Floats, others: Floats) -> float:
    """Return the cross-validated balanced accuracy of a ridge classifier that distinguishes two groups.

    It is 0.5 for groups that cannot be told apart, and 1 for groups that always can.

    Args:
        some: NxC features.
        others: MxC features.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> separability(rng.normal(0, 1, (50, 3)), rng.normal(9, 1, (50, 3)))
        1.0
    """
    rng = np.random.default_rng(0)
    features = np.concatenate([some, others])
    targets = np.repeat([1.0, -1.0], [len(some), len(others)])
    folds = np.concatenate([rng.permutation(len(group)) % _FOLDS for group in (some, others)])
    right = np.zeros(len(features), bool)
    for fold in np.unique(folds):
        known = folds != fold
        if len(set(targets[known].tolist())) < 2:
            continue
        mean, spread = features[known].mean(axis=0), features[known].std(axis=0) + 1e-12
        scaled = (features - mean) / spread
        # Both groups have the same total weight, so that their sizes do not matter.
        weights = 1 / np.where(targets > 0, (targets[known] > 0).sum(), (targets[known] < 0).sum())
        rows = np.column_stack([scaled, np.ones(len(scaled))])
        product = (rows[known] * weights[known, None]).T
        ridge = np.eye(rows.shape[1]) / known.sum()
        solved = np.linalg.solve(product @ rows[known] + ridge, product @ targets[known])
        right[~known] = (rows[~known] @ solved > 0) == (targets[~known] > 0)
    return float((right[targets > 0].mean() + right[targets < 0].mean()) / 2)


def a_distance(accuracy: float) -> float:
    """Return the proxy A-distance of two groups with a given separability: 0 for equal groups, 2 for distinct ones.

    Source: Ben-David et al., "Analysis of Representations for Domain Adaptation" (2007), with the error of a linear
    classifier.

    Example:
        >>> a_distance(1.0), a_distance(0.4)
        (2.0, 0.0)
    """
    return max(0.0, 2 * (1 - 2 * (1 - accuracy)))
