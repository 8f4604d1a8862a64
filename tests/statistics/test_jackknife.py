"""Intervals over groups: against formulas, and how often they hold the truth in a simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from fertools.statistics.classification import accuracy, balanced_accuracy, macro_f1
from fertools.statistics.concordance import AGREEMENT_SCALES, agreement_of, agreement_terms
from fertools.statistics.intervals import ConfidenceInterval
from fertools.statistics.jackknife import FEWEST_GROUPS, Scale, jackknife_intervals

Floats = NDArray[np.float64]
CLASSES = 7


def mean_of(sums: Floats) -> Floats:
    return sums[:, :1] / sums[:, 1:]


def test_of_groups_of_one_size_it_is_students_interval_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, 9)
    (found,) = jackknife_intervals(np.stack([values, np.ones(9)], axis=1), mean_of, ["free"])
    assert found is not None
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high, found.groups) == pytest.approx((wanted.low, wanted.high, 9))


def test_people_of_many_alike_faces_count_once_each() -> None:
    people = np.random.default_rng(3).normal(size=20)
    once = jackknife_intervals(np.stack([people, np.ones(20)], axis=1), mean_of, ["free"])[0]
    often = jackknife_intervals(np.stack([people * 50, np.full(20, 50.0)], axis=1), mean_of, ["free"])[0]
    assert once is not None
    assert often is not None
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_too_few_groups_have_no_interval() -> None:
    sums = np.stack([np.arange(9.0), np.ones(9)], axis=1)
    for count in range(1, 9):
        (found,) = jackknife_intervals(sums[:count], mean_of, ["free"])
        assert (found is not None) == (count >= FEWEST_GROUPS), count


def test_only_groups_that_have_a_part_count() -> None:
    # Nine people, four of whom show the class that the second measure is about.
    sums = np.zeros((9, 4))
    sums[:, 0], sums[:, 1] = np.arange(9), 10
    sums[:4, 2], sums[:4, 3] = (1, 2, 3, 4), 5

    def statistic(part: Floats) -> Floats:
        return np.stack([part[:, 0] / part[:, 1], part[:, 2] / part[:, 3]], axis=1)

    first, second = jackknife_intervals(sums, statistic, ["share"])
    assert first is not None
    assert first.groups == 9
    assert second is None
    sums[4, 2:] = 2, 5
    assert (jackknife_intervals(sums, statistic, ["share"])[1] or ConfidenceInterval(0, 0, 0)).groups == 5


def test_what_does_not_vary_or_is_undefined_has_no_interval() -> None:
    alike = np.stack([np.full(9, 3.0), np.full(9, 3.0)], axis=1)
    assert jackknife_intervals(alike, mean_of, ["share"]) == [None]
    assert jackknife_intervals(alike, lambda part: np.full((len(part), 1), np.nan), ["free"]) == [None]


@pytest.mark.parametrize(("scale", "least", "most"), [("share", 0, 1), ("correlation", -1, 1), ("reliability", -9, 1)])
def test_ends_stay_where_the_measure_can_be(scale: Scale, least: float, most: float) -> None:
    values = np.array([0.99, 0.97, 0.999, 0.5, 0.98, 0.995])
    for given in (values, np.array([0.9, 1, 1, 1, 1, 1.0])):
        (found,) = jackknife_intervals(np.stack([given, np.ones(6)], axis=1), mean_of, [scale])
        assert found is not None
        assert least <= found.low < given.mean() < found.high <= most
        assert given.mean() - found.low >= found.high - given.mean(), "the longer arm is away from the bound"


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(0).random((30, 2))
    before = jackknife_intervals(sums, mean_of, ["positive"])
    monkeypatch.setattr("fertools.statistics.jackknife._BLOCK", 14)
    assert jackknife_intervals(sums, mean_of, ["positive"]) == before


def classified(rng: np.random.Generator, people: int) -> Floats:
    """Return what people add to a confusion matrix; they differ in skill, in bias, and in how many faces they have."""
    sums = np.zeros((people, CLASSES, CLASSES))
    for person in sums:
        logits = np.tile(rng.normal(0, 0.6, CLASSES), (CLASSES, 1))
        logits[np.diag_indices(CLASSES)] += rng.normal(1.2, 0.6) + rng.normal(0, 0.7, CLASSES)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        person[:] = rng.multinomial(rng.integers(3, 18, CLASSES), shares)
    return sums.reshape(people, -1)


def decided(sums: Floats) -> Floats:
    tables = sums.reshape(-1, CLASSES, CLASSES)
    return np.stack([accuracy(tables), balanced_accuracy(tables), macro_f1(tables)], axis=1)


def estimated(rng: np.random.Generator, people: int) -> Floats:
    """Return what people add to the sums of `agreement_of`; they differ in their mean, slope and offset."""
    sums = []
    for _ in range(people):
        truths = np.clip(rng.normal(rng.normal(0, 0.25), 0.35, rng.integers(20, 120)), -1, 1)
        estimates = rng.normal(0.6, 0.2) * truths + rng.normal(0, 0.12) + rng.normal(0, 0.2, len(truths))
        sums.append(agreement_terms(estimates, truths).sum(axis=0))
    return np.stack(sums)


@pytest.mark.parametrize("people", [5, pytest.param(10, marks=pytest.mark.slow), 20])
@pytest.mark.parametrize(
    ("draw", "statistic", "scales"),
    [(classified, decided, ("share",) * 3), (estimated, agreement_of, AGREEMENT_SCALES)],
    ids=["classes", "points"],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    draw: Callable[[np.random.Generator, int], Floats],
    statistic: Callable[[Floats], Floats],
    scales: tuple[Scale, ...],
    people: int,
) -> None:
    rng, trials = np.random.default_rng(1), 500
    truth = statistic(draw(rng, 4000).sum(axis=0, keepdims=True))[0]
    held = np.zeros(len(truth))
    for _ in range(trials):
        ends = jackknife_intervals(draw(rng, people), statistic, scales)
        held += [
            found is not None and found.low <= value <= found.high for found, value in zip(ends, truth, strict=True)
        ]
    # The percentile bootstrap comes to 0.77 to 0.84 with 5 people and 0.85 to 0.90 with 10. Squares have long tails, so
    # that RMSE needs more people than the others.
    least = np.where(np.array(scales) == "positive", 0.87, 0.92)
    assert (held / trials > least).all(), held / trials
    assert (held / trials < 0.985).all(), held / trials
