"""Intervals against scipy, and against what a simulation says of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fertools.training.measures.intervals import (
    agreement,
    agreement_terms,
    as_ends,
    group_sums,
    over_folds,
    over_groups,
)
from fertools.training.metrics import concordance, correlation, root_mean_square_error, sign_agreement


def mean_of(sums: np.ndarray) -> np.ndarray:
    means: np.ndarray = sums[:, :1] / sums[:, 1:]
    return means


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=12))
def test_the_interval_over_folds_is_scipys(values: list[int]) -> None:
    shares = [value / 1000 for value in values]
    found = over_folds([*shares, float("nan")])
    assert found is not None
    assert found.folds == len(values)
    assert found.low is not None
    assert found.high is not None
    if len(set(values)) > 1:
        wanted = stats.ttest_1samp(shares, 0).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    else:
        assert found.low == pytest.approx(found.high)


def test_ten_folds_have_the_factor_of_the_specification() -> None:
    found = over_folds([0.5, 0.6] * 5)
    assert found is not None
    assert found.sd is not None
    assert found.high is not None
    assert (found.high - found.mean) / (found.sd / 10**0.5) == pytest.approx(2.262, abs=5e-4)


def test_one_fold_says_nothing_of_the_spread_and_none_says_nothing() -> None:
    found = over_folds([0.5])
    assert found is not None
    assert (found.mean, found.low, found.high, found.folds) == (0.5, None, None, 1)
    assert over_folds([float("nan")]) is None


def test_resampling_single_faces_is_about_the_interval_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 1, 400)
    low, high = over_groups(np.stack([values, np.ones(400)], axis=1), mean_of, replicates=4000, seed=1)
    wanted = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert low[0] == pytest.approx(wanted.low, abs=0.012)
    assert high[0] == pytest.approx(wanted.high, abs=0.012)


def test_people_of_many_alike_faces_widen_the_interval() -> None:
    people = np.random.default_rng(3).normal(size=20)
    faces = np.repeat(people, 50)
    alone = over_groups(np.stack([faces, np.ones(1000)], axis=1), mean_of, replicates=500)
    codes = np.repeat(np.arange(20), 50)
    grouped = over_groups(group_sums(codes, np.stack([faces, np.ones(1000)], axis=1)), mean_of, replicates=500)
    ratio = (grouped[1][0] - grouped[0][0]) / (alone[1][0] - alone[0][0])
    assert ratio == pytest.approx(50**0.5, rel=0.25)


def test_the_same_seed_gives_the_same_ends_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(0).random((30, 2))
    first = over_groups(sums, mean_of, replicates=100, seed=5)
    monkeypatch.setattr("fertools.training.measures.intervals._BLOCK", 70)
    assert np.array_equal(first, over_groups(sums, mean_of, replicates=100, seed=5))
    assert not np.array_equal(first, over_groups(sums, mean_of, replicates=100, seed=6))


def test_a_statistic_without_a_value_has_no_interval() -> None:
    low, high = over_groups(np.ones((3, 1)), lambda sums: np.full((len(sums), 1), np.nan), replicates=10)
    assert np.isnan([low[0], high[0]]).all()


def test_a_single_person_says_nothing_of_others() -> None:
    low, high = over_groups(np.array([[3.0, 4.0]]), mean_of, replicates=10)
    assert as_ends(low[0], high[0]) is None
    assert as_ends(0.25, 0.5) == {"low": 0.25, "high": 0.5}


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100)), min_size=2, max_size=40))
def test_agreement_of_sums_is_that_of_the_rows(rows: list[tuple[int, int]]) -> None:
    estimates, truths = (np.array(column, float) / 100 for column in zip(*rows, strict=True))
    found = agreement(agreement_terms(estimates, truths).sum(axis=0, keepdims=True))[0]
    measures = (concordance, correlation, root_mean_square_error, sign_agreement)
    assert found == pytest.approx([measure(estimates, truths) for measure in measures], abs=1e-6)
