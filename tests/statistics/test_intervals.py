"""Intervals against scipy, and against what a simulation says of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fertools.statistics.concordance import concordance, correlation, root_mean_square_error, sign_agreement
from fertools.statistics.intervals import (
    agreement,
    agreement_terms,
    as_ends,
    group_sums,
    over_folds,
)
from fertools.statistics.jackknife import Ends


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


def test_ends_are_written_as_json_holds_them() -> None:
    assert as_ends(None) is None
    assert as_ends(Ends(0.25, 0.5, 7)) == {"low": 0.25, "high": 0.5, "groups": 7}


def test_sums_are_those_of_each_group() -> None:
    values = np.arange(8.0).reshape(4, 2)
    assert group_sums(np.array([1, 0, 1, 1]), values).tolist() == [[2, 3], [10, 13]]


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100)), min_size=2, max_size=40))
def test_agreement_of_sums_is_that_of_the_rows(rows: list[tuple[int, int]]) -> None:
    estimates, truths = (np.array(column, float) / 100 for column in zip(*rows, strict=True))
    found = agreement(agreement_terms(estimates, truths).sum(axis=0, keepdims=True))[0]
    measures = (concordance, correlation, root_mean_square_error, sign_agreement)
    assert found == pytest.approx([measure(estimates, truths) for measure in measures], abs=1e-6)
