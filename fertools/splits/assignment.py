"""Assign the groups of a split to its parts: folds, one part per person, or train, val and test."""

from __future__ import annotations

import numpy as np

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.splits.characters import assign_beside
from fertools.splits.folds import Floats, Integers, assign_further, assign_groups
from fertools.splits.protocol import SplitOptions
from fertools.splits.split_groups import Grouping


def wanted_shares(options: SplitOptions, grouping: Grouping, subject_count: int) -> Floats:
    """Return the wanted share of faces in each part.

    Args:
        options: options of the split.
        grouping: the groups.
        subject_count: number of distinct subjects of the people, for the message.

    Raises:
        InputError: there are more parts than people.
    """
    people = int(grouping.people.sum())
    shares = shares_of(options, people if options.folds is None else options.folds)
    if people < max(2, len(shares)):
        known = _plural(people, "subject")
        if people != subject_count:
            known = (
                f"{_plural(people, 'group')} of subjects that are surely different people (of {subject_count} subjects)"
            )
        remedy = (
            f"give {argument('folds')} {people} or fewer, or add people"
            if people > 1
            else "add people, or give subjects"
        )
        raise InputError(f"{max(2, len(shares))} split parts need as many people, but there {known}; {remedy}")
    return shares


def shares_of(options: SplitOptions, fold_count: int) -> Floats:
    """Return the share of faces that each part should have: of the parts of a hold-out, or of equal folds.

    Example:
        >>> shares_of(SplitOptions(holdout=0.25, validation=0.25), 0).tolist()
        [0.5, 0.25, 0.25]
    """
    if options.holdout is None:
        return np.full(fold_count, 1 / max(1, fold_count))
    held_out = [share for share in (options.validation, options.holdout) if share is not None]
    return np.array([1 - sum(held_out), *held_out])


def assign(options: SplitOptions, grouping: Grouping, shares: Floats, fixed: Integers | None = None) -> Integers:
    """Return the part of every group.

    Args:
        options: options of the split.
        grouping: G groups.
        shares: wanted shares of the parts.
        fixed: G parts that groups have already; -1 for the others. None if no group has one.
    """
    rng = np.random.default_rng(options.seed)
    people = grouping.people
    count = int(people.sum())
    known = None if fixed is None else fixed[people]
    if options.loso:
        parts = np.arange(count) if known is None else _numbered(known)
    elif options.balance == "turns":
        turns = np.arange(count) % len(shares)
        parts = turns if known is None else np.where(known >= 0, known, turns)
    elif known is None:
        parts = assign_groups(grouping.balanced[people], shares, rng)
    else:
        parts = assign_further(grouping.balanced[people], shares, known, rng)
    return assign_beside(parts, grouping.counts, shares, grouping.characters, fixed)


def _numbered(folds: Integers) -> Integers:
    """Return one fold per person: those known, and numbers that are free for the others."""
    free = np.setdiff1d(np.arange(len(folds)), folds)
    found = folds.copy()
    found[folds < 0] = free[: int((folds < 0).sum())]
    return found


def _plural(count: int, noun: str) -> str:
    return f"is 1 {noun}" if count == 1 else f"are {count} {noun}s"
