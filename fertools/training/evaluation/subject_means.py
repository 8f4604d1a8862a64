"""Means over made faces, with intervals over the people whose faces they were made of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.statistics.intervals import interval_as_json
from fertools.statistics.jackknife import jackknife_intervals
from fertools.statistics.sums import group_sums
from fertools.training.evaluation.prediction_metrics import Metrics

Floats = NDArray[np.float64]


def number_people(table: pa.Table) -> NDArray[np.int64]:
    """Return a number for each row that is the same for all made faces of a person; one of nobody known is by itself.

    Args:
        table: with `subject_id` and `parent_id`.
    """
    pairs = zip(table["subject_id"].to_pylist(), table["parent_id"].to_pylist(), strict=True)
    names = [("person", subject) if subject is not None else ("face", parent) for subject, parent in pairs]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)


def mean_over_subjects(values: Floats, people: NDArray[np.int64]) -> list[Metrics]:
    """Return the mean of each column and its interval for people like these.

    Args:
        values: N x M.
        people: N numbers from 0.

    Returns:
        For each column `pooled`, the mean over all rows, and `people` with `low`, `high` and `groups`; None with too
        few people.
    """
    sums = group_sums(people, np.concatenate([values, np.ones((len(values), 1))], axis=1))
    found = jackknife_intervals(sums, lambda part: part[:, :-1] / part[:, -1:], ["free"])
    means = values.mean(axis=0).tolist()
    return [{"pooled": mean, "people": interval_as_json(ends)} for mean, ends in zip(means, found, strict=True)]
