"""Assign groups to folds so that every fold has the same share of faces and of each class.

Each group is a point: its share of every class and of all faces. Ideally the points of a fold sum to the fold's wanted
share. The squared distance from that ideal is the imbalance. A greedy step assigns the groups one by one, largest
first. An exchange step then moves and swaps groups as long as the imbalance decreases.

Stratified splitting of groups is an NP-hard partition problem. With many small groups the greedy step alone is close to
the optimum; with a few large groups the exchange step matters most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SWAP_LIMIT = 512
"""Largest number of groups for which pairs are swapped; the search tries all pairs."""
MOVE_LIMIT = 8192
"""Largest number of groups for which single groups are moved."""
_STEPS = 1000
"""Maximum number of exchanges; a few dozen are usual."""
_TRIES = 100
"""Maximum number of changes tried per step; a change that would confine a class to one fold is skipped."""
_LEAST_GAIN = 1e-12
"""Smaller gains are rounding errors; following them could loop forever."""


def assign_groups(counts: Integers, shares: Floats, rng: np.random.Generator) -> Integers:
    """Return the fold of every group.

    Args:
        counts: G x C, number of faces per group and class; the last column counts faces without a class.
        shares: K positive numbers with sum 1, the wanted share of faces in each fold. K is at most G.
        rng: breaks ties; the same state gives the same folds.

    Returns:
        G fold numbers from 0 to K - 1. Every fold has at least one group.

    Example:
        >>> counts = np.array([[4, 0, 0], [0, 4, 0], [4, 0, 0], [0, 4, 0]])
        >>> folds = assign_groups(counts, np.array([0.5, 0.5]), np.random.default_rng(0))
        >>> sorted(folds[[0, 2]].tolist()), sorted(folds[[1, 3]].tolist())
        ([0, 1], [0, 1])
    """
    points = _points(counts)
    folds = _freed(points, counts, shares, _greedy(points, shares, rng))
    return _exchanged(points, counts, shares, folds) if len(counts) <= MOVE_LIMIT else folds


def assign_groups_anew(counts: Integers, shares: Floats, rng: np.random.Generator) -> Integers:
    """Return the fold of every group, from a random start: another state gives other folds of similar balance.

    `assign_groups` gives nearly the same folds for every seed, because the seed only breaks ties.

    Args:
        counts: G x C, as in `assign_groups`.
        shares: K wanted shares of faces, as in `assign_groups`.
        rng: draws the start.

    Example:
        >>> counts = np.array([[4, 0, 0], [0, 4, 0], [4, 0, 0], [0, 4, 0]])
        >>> folds = assign_groups_anew(counts, np.array([0.5, 0.5]), np.random.default_rng(0))
        >>> sorted(folds[[0, 2]].tolist()), sorted(folds[[1, 3]].tolist())
        ([0, 1], [0, 1])
    """
    start = rng.permutation(np.arange(len(counts)) % len(shares))
    folds = _freed(_points(counts), counts, shares, start)
    return _exchanged(_points(counts), counts, shares, folds) if len(counts) <= MOVE_LIMIT else folds


def assign_further(counts: Integers, shares: Floats, folds: Integers, rng: np.random.Generator) -> Integers:
    """Return the fold of every group, where some groups have one already and keep it.

    Args:
        counts: G x C, as in `assign_groups`.
        shares: K wanted shares of faces, as in `assign_groups`.
        folds: G fold numbers; -1 for a group that gets one, largest first, where it unbalances the folds least.
        rng: breaks ties.

    Example:
        >>> counts = np.array([[4, 0, 0], [0, 4, 0], [4, 0, 0], [0, 4, 0]])
        >>> folds = np.array([0, 0, -1, -1])
        >>> assign_further(counts, np.array([0.5, 0.5]), folds, np.random.default_rng(0)).tolist()
        [0, 0, 1, 1]
    """
    return _greedy(_points(counts), shares, rng, folds)


def imbalance(counts: Integers, shares: Floats, folds: Integers) -> float:
    """Return the deviation of the folds from the wanted shares; 0 is perfect.

    The deviation of a fold has two parts: the error of its share of all faces, and the root mean square error of its
    shares of the classes. The imbalance is the root of the sum of their squares over folds.

    Args:
        counts: G x C, as in `assign_groups`.
        shares: K wanted shares of faces.
        folds: G fold numbers.
    """
    points = _points(counts)
    return float(np.linalg.norm(_sums(points, folds, len(shares)) - _targets(points, shares)))


def _points(counts: Integers) -> Floats:
    """Return G x (C + 1): each group's share of every class, and in the last column its share of all faces.

    The class columns are scaled so that together they have the weight of the last column.
    """
    totals = counts.sum(axis=0)
    classes = counts[:, :-1][:, totals[:-1] > 0]
    shares = classes / classes.sum(axis=0) / np.sqrt(max(1, classes.shape[1]))
    return np.column_stack([shares, counts.sum(axis=1) / totals.sum()])


def _targets(points: Floats, shares: Floats) -> Floats:
    return np.outer(shares, points.sum(axis=0))


def _sums(points: Floats, folds: Integers, fold_count: int) -> Floats:
    sums = np.zeros((fold_count, points.shape[1]))
    np.add.at(sums, folds, points)
    return sums


def _greedy(points: Floats, shares: Floats, rng: np.random.Generator, fixed: Integers | None = None) -> Integers:
    """Return the folds after assigning every group without one, largest first."""
    group_count, fold_count = len(points), len(shares)
    folds = np.full(group_count, -1, np.int64) if fixed is None else fixed.copy()
    known = folds >= 0
    shuffled = rng.permutation(group_count)
    order = shuffled[np.argsort(-np.linalg.norm(points[shuffled], axis=1), kind="stable")]
    order = order[~known[order]]
    excess = _sums(points[known], folds[known], fold_count) - _targets(points, shares)
    squares = np.einsum("gc,gc->g", points, points)
    empty = [fold for fold in rng.permutation(fold_count).tolist() if fold not in folds[known]]
    for done, group in enumerate(order):
        # As late as possible: filling empty folds first would put a large group into the small part of a hold-out.
        if len(order) - done == len(empty):
            fold = empty[0]
        else:
            # Increase of the squared imbalance relative to the share; otherwise a small part gets only the last groups.
            costs = (2 * excess @ points[group] + squares[group]) / shares
            best = np.flatnonzero(costs <= costs.min() + 1e-15)
            fold = best[0] if len(best) == 1 else rng.choice(best)
        if fold in empty:
            empty.remove(fold)
        folds[group] = fold
        excess[fold] += points[group]
    return folds


def _exchanged(points: Floats, counts: Integers, shares: Floats, folds: Integers) -> Integers:
    """Return `folds` after moves and swaps that lower the imbalance, the best one first."""
    squares = np.einsum("gc,gc->g", points, points)
    distances = None
    if len(points) <= SWAP_LIMIT:
        distances = squares[:, None] + squares[None] - 2 * points @ points.T
    for _ in range(_STEPS):
        excess = _sums(points, folds, len(shares)) - _targets(points, shares)
        products = excess @ points.T
        changes = [_moves(products, squares, folds)]
        if distances is not None:
            changes.append(_swaps(products, distances, folds))
        better = _best_allowed(changes, counts, folds)
        if better is None:
            break
        folds = better
    return folds


def _moves(products: Floats, squares: Floats, folds: Integers) -> Floats:
    """Return G x K: half the change of the squared imbalance if a group moves to a fold.

    For the only group of a fold this is a product of points without negative coordinates. It is never negative, so no
    move empties a fold.
    """
    here = products[folds, np.arange(len(folds))]
    change = products.T - here[:, None] + squares[:, None]
    change[np.arange(len(folds)), folds] = np.inf
    return change


def _swaps(products: Floats, distances: Floats, folds: Integers) -> Floats:
    """Return G x G: half the change of the squared imbalance if two groups swap folds."""
    there = products[folds]
    here = np.diag(there)
    change = there + there.T - here[:, None] - here[None] + distances
    change[folds[:, None] == folds[None]] = np.inf
    return np.asarray(change)


def _best_allowed(changes: list[Floats], counts: Integers, folds: Integers) -> Integers | None:
    """Return `folds` after the best helpful change that confines no further class to one fold, or None."""
    confined = confined_classes(counts, folds)
    for _ in range(_TRIES):
        kind = min(range(len(changes)), key=lambda index: changes[index].min())
        group, other = np.unravel_index(changes[kind].argmin(), changes[kind].shape)
        if changes[kind][group, other] > -_LEAST_GAIN:
            return None
        trial = folds.copy()
        trial[group] = folds[other] if kind else other
        if kind:
            trial[other] = folds[group]
        if set(confined_classes(counts, trial)) <= set(confined):
            return trial
        changes[kind][group, other] = np.inf
    return None


def confined_classes(counts: Integers, folds: Integers) -> list[int]:
    """Return the classes that occur in one fold only, as column numbers of `counts` without the last column.

    A model that is tested on that fold has no training face of such a class.
    """
    folds_of = [np.unique(folds[counts[:, column] > 0]) for column in range(counts.shape[1] - 1)]
    return [column for column, found in enumerate(folds_of) if len(found) == 1]


def _freed(points: Floats, counts: Integers, shares: Floats, folds: Integers) -> Integers:
    """Return `folds` after moving one group of each confined class with several groups to its best other fold."""
    for column in confined_classes(counts, folds):
        members = np.flatnonzero(counts[:, column] > 0)
        if len(members) < 2 or len(shares) < 2:
            continue
        excess = _sums(points, folds, len(shares)) - _targets(points, shares)
        change = _moves(excess @ points.T, np.einsum("gc,gc->g", points, points), folds)[members]
        row, fold = np.unravel_index(change.argmin(), change.shape)
        if np.isfinite(change[row, fold]):
            folds = folds.copy()
            folds[members[row]] = fold
    return folds
