"""Short cuts: how well a label or a part can be guessed without looking at the face.

For each label, the faces with it are compared to all others by one number at a time: colour, brightness, background or
width. The score is the largest difference of the two distribution functions (Kolmogorov-Smirnov). A threshold at that
place guesses the label with a balanced accuracy of (1 + score) / 2. For a dataset's name, it is the total variation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.picture_hash import PictureFacts

LEAST = 0.5
"""Least score that is reported: a balanced accuracy of 0.75."""
SURE = 2.5
"""Least score in standard errors, counted in people where they are known: by chance about one in 100,000."""
Floats = NDArray[np.float64]


def find_shortcuts(table: AuditTable, facts: PictureFacts) -> Iterator[Finding]:
    """Yield a warning for each label or part that one number or the dataset's name gives away."""
    people = [subject if subject is not None else f"row {row}" for row, subject in enumerate(table.column("subject"))]
    datasets = table.column("dataset")
    for what, values in (("label", table.column("emotion")), ("part", table.parts)):
        for value in sorted({value for value in values if value is not None}):
            inside = np.array([one == value for one in values])
            outside = np.array([one is not None and one != value for one in values])
            for name, numbers in facts.numbers.items():
                known = np.isfinite(numbers)
                yield from _by_number(what, str(value), name, numbers, inside & known, outside & known, people)
            named = np.array([name is not None for name in datasets])
            yield from _by_name(what, str(value), datasets, inside & named, outside & named, people)


def _by_number(
    what: str,
    value: str,
    name: str,
    numbers: Floats,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    people: Sequence[Hashable],
) -> Iterator[Finding]:
    if not _enough(inside, outside, people):
        return
    score, threshold, above = separate(numbers[inside], numbers[outside])
    if score < max(LEAST, SURE * _error(inside, outside, people)):
        return
    words = "above" if above else "at most"
    counts = [
        int((numbers[rows] > threshold).sum() if above else (numbers[rows] <= threshold).sum())
        for rows in (inside, outside)
    ]
    yield Finding(
        "shortcut",
        "warning",
        f"the {what} '{value}' can be guessed by {name} alone: {counts[0]} of {int(inside.sum())} faces are {words} "
        f"{threshold:.3g}, but only {counts[1]} of {int(outside.sum())} others",
    )


def separate(first: Floats, second: Floats) -> tuple[float, float, bool]:
    """Return the largest difference of two distribution functions, its place, and whether the first is above it.

    Example:
        >>> separate(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
        (1.0, 2.0, True)
    """
    places = np.unique(np.concatenate([first, second]))
    shares = [np.searchsorted(np.sort(values), places, side="right") / len(values) for values in (first, second)]
    best = int(np.argmax(np.abs(shares[0] - shares[1])))
    difference = float(shares[0][best] - shares[1][best])
    return abs(difference), float(places[best]), difference < 0


def _by_name(
    what: str,
    value: str,
    names: Sequence[Hashable],
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    people: Sequence[Hashable],
) -> Iterator[Finding]:
    if not _enough(inside, outside, people):
        return
    column = np.array([str(name) for name in names])
    shares = {name: ((column[inside] == name).mean(), (column[outside] == name).mean()) for name in np.unique(column)}
    score = sum(abs(one - other) for one, other in shares.values()) / 2
    if score < max(LEAST, SURE * _error(inside, outside, people)):
        return
    name = max(shares, key=lambda name: shares[name][0] - shares[name][1])
    yield Finding(
        "shortcut",
        "warning",
        f"the {what} '{value}' can be guessed by the dataset alone: {shares[name][0]:.0%} of its faces are of "
        f"'{name}', but only {shares[name][1]:.0%} of others",
    )


def _enough(inside: NDArray[np.bool_], outside: NDArray[np.bool_], people: Sequence[Hashable]) -> bool:
    return bool(inside.any() and outside.any()) and min(_people(inside, people), _people(outside, people)) >= 10


def _error(inside: NDArray[np.bool_], outside: NDArray[np.bool_], people: Sequence[Hashable]) -> float:
    first, second = _people(inside, people), _people(outside, people)
    return float(np.sqrt((first + second) / (first * second)))


def _people(rows: NDArray[np.bool_], people: Sequence[Hashable]) -> int:
    return len({people[row] for row in np.flatnonzero(rows).tolist()})
