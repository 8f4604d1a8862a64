"""Measures of agreement against scipy, numpy and numbers done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fertools.statistics.concordance import concordance, correlation, root_mean_square_error, sign_agreement

pairs = st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100)), min_size=2, max_size=40)


@given(pairs)
def test_correlation_is_scipys(rows: list[tuple[int, int]]) -> None:
    x, y = (np.array(column) / 100 for column in zip(*rows, strict=True))
    if np.ptp(x) and np.ptp(y):
        assert correlation(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    else:
        assert correlation(x, y) == 0


def test_equal_numbers_are_constant_however_their_mean_rounds() -> None:
    nines = [0.09] * 3
    assert np.var(nines) > 0
    assert correlation(nines, nines) == concordance(nines, nines) == 0


@given(pairs)
def test_concordance_is_correlation_times_the_bias_correction(rows: list[tuple[int, int]]) -> None:
    # Lin (1989), equation 2: CCC = r C_b with C_b = 2 / (v + 1/v + u^2), where v is the ratio of the deviations and u
    # the difference of the means over their geometric mean.
    x, y = (np.array(column) / 100 for column in zip(*rows, strict=True))
    if np.ptp(x) and np.ptp(y):
        scale, shift = x.std() / y.std(), (x.mean() - y.mean()) ** 2 / (x.std() * y.std())
        expected = stats.pearsonr(x, y).statistic * 2 / (scale + 1 / scale + shift)
        assert concordance(x, y) == pytest.approx(expected, abs=1e-9)


def test_numbers_done_by_hand() -> None:
    estimates, truths = [0.5, 0.0, -0.5, 0.5], [0.5, 0.5, -0.5, -0.5]
    # Means 1/8 and 0, variances 11/64 and 1/4, covariance 1/16.
    assert concordance(estimates, truths) == pytest.approx((2 / 16) / (11 / 64 + 16 / 64 + 1 / 64))
    assert root_mean_square_error(estimates, truths) == pytest.approx(math.sqrt((0 + 0.25 + 0 + 1) / 4))
    assert sign_agreement(estimates, truths) == 0.5
    assert sign_agreement([0.0, 0.1], [0.0, 0.0]) == 0.5


def test_a_shift_costs_concordance_but_not_correlation() -> None:
    truths = np.linspace(-1, 1, 9)
    assert concordance(truths, truths) == pytest.approx(1)
    assert concordance(-truths, truths) == pytest.approx(-1)
    assert correlation(truths + 0.5, truths) == pytest.approx(1)
    assert concordance(truths + 0.5, truths) < 0.8
    assert concordance(np.zeros(9), truths) == 0


@pytest.mark.parametrize(("x", "y"), [([1.0], [1.0, 2.0]), ([], []), ([[1.0]], [[1.0]])])
def test_rows_that_do_not_match_are_refused(x: list[float], y: list[float]) -> None:
    for measure in (concordance, correlation, root_mean_square_error, sign_agreement):
        with pytest.raises(ValueError, match="equally long"):
            measure(x, y)
