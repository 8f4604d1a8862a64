"""Means over made faces, with intervals from drawing the people anew whose faces they were made of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.training.measures.intervals import as_ends, group_sums, over_groups
from fertools.training.scoring import Scores

Floats = NDArray[np.float64]


def people_of(table: pa.Table) -> NDArray[np.int64]:
    """Return a number for each row that is the same for all made faces of a person; one of nobody known is by itself.

    Args:
        table: with `subject_id` and `parent_id`.
    """
    pairs = zip(table["subject_id"].to_pylist(), table["parent_id"].to_pylist(), strict=True)
    names = [("person", subject) if subject is not None else ("face", parent) for subject, parent in pairs]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)


def over_people(values: Floats, people: NDArray[np.int64], *, replicates: int, seed: int) -> list[Scores]:
    """Return the mean of each column and the interval from drawing people anew.

    Args:
        values: N x M.
        people: N numbers from 0.
        replicates: how often people are drawn.
        seed: of the draws.

    Returns:
        For each column `pooled`, the mean over all rows, and `people` with `low` and `high`; None with one person.
    """
    sums = group_sums(people, np.concatenate([values, np.ones((len(values), 1))], axis=1))
    low, high = over_groups(sums, lambda drawn: drawn[:, :-1] / drawn[:, -1:], replicates=replicates, seed=seed)
    means = values.mean(axis=0).tolist()
    return [
        {"pooled": mean, "people": as_ends(least, most)}
        for mean, least, most in zip(means, low.tolist(), high.tolist(), strict=True)
    ]
