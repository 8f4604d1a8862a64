"""Sums per group, ratios and differences against plain loops."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fertools.statistics.sums import group_sums, mean_of_known, positive_difference, ratio


def test_sums_are_those_of_each_group() -> None:
    values = np.arange(8.0).reshape(4, 2)
    assert group_sums(np.array([1, 0, 1, 1]), values).tolist() == [[2, 3], [10, 13]]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-100, 100)), min_size=1, max_size=40))
def test_sums_per_group_are_those_of_a_loop(rows: list[tuple[int, int]]) -> None:
    codes, values = (np.array(column) for column in zip(*rows, strict=True))
    wanted = [[sum(value for code, value in rows if code == group)] for group in range(max(codes) + 1)]
    assert group_sums(codes, values[:, None].astype(float)).tolist() == wanted


def test_a_ratio_is_undefined_unless_its_denominator_is_above_zero() -> None:
    assert ratio(np.array([1.0, 1.0]), np.array([4.0, 2.0])).tolist() == [0.25, 0.5]
    assert all(math.isnan(value) for value in ratio(np.ones(3), np.array([0.0, -1.0, math.nan])))


def test_the_rounding_of_a_difference_is_zero() -> None:
    assert positive_difference(np.array([0.3]), np.array([0.1 + 0.2])).tolist() == [0.0]
    assert positive_difference(np.array([0.1 + 0.2]), np.array([0.3])).tolist() == [0.0]
    assert positive_difference(np.array([3.0]), np.array([1.0])).tolist() == [2.0]
    assert math.isnan(positive_difference(np.array([math.nan]), np.array([1.0]))[0])


def test_the_mean_of_known_values_leaves_out_missing_ones() -> None:
    assert mean_of_known(np.array([1.0, math.nan, 3.0])) == 2.0
    assert mean_of_known(np.array([math.nan])) == 0.0
