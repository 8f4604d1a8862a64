"""Intervals of means against scipy and against the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fertools.statistics.intervals import (
    ConfidenceInterval,
    interval_as_json,
    mean_difference_interval,
    mean_over_folds,
)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=12))
def test_the_interval_over_folds_is_scipys(values: list[int]) -> None:
    shares = [value / 1000 for value in values]
    found = mean_over_folds([*shares, float("nan")])
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
    found = mean_over_folds([0.5, 0.6] * 5)
    assert found is not None
    assert found.sd is not None
    assert found.high is not None
    assert (found.high - found.mean) / (found.sd / 10**0.5) == pytest.approx(2.262, abs=5e-4)


def test_one_fold_has_no_interval_and_no_fold_has_no_mean() -> None:
    found = mean_over_folds([0.5])
    assert found is not None
    assert (found.mean, found.low, found.high, found.folds) == (0.5, None, None, 1)
    assert mean_over_folds([float("nan")]) is None


def test_the_interval_of_a_difference_is_welchs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 2, 12), rng.normal(0, 0.5, 30)
    # Welch (1947): the variance of the difference, and Satterthwaite's degrees of freedom.
    parts = np.array([first.var(ddof=1) / 12, second.var(ddof=1) / 30])
    freedom = parts.sum() ** 2 / (parts**2 / [11, 29]).sum()
    half_width = stats.t.ppf(0.975, freedom) * parts.sum() ** 0.5
    difference = first.mean() - second.mean()
    wanted = (difference - half_width, difference + half_width)
    assert mean_difference_interval(first, second) == pytest.approx(wanted, abs=1e-12)
    assert mean_difference_interval(np.ones(5), np.ones(6)) is None


def test_an_interval_is_written_as_json_holds_it() -> None:
    assert interval_as_json(None) is None
    assert interval_as_json(ConfidenceInterval(0.25, 0.5, 7)) == {"low": 0.25, "high": 0.5, "groups": 7}
