"""CCC, PCC, RMSE and SAGR against scipy, numpy and numbers computed by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fertools.statistics.concordance import (
    agreement_of,
    agreement_terms,
    concordance,
    concordance_of,
    correlation,
    correlation_of,
    pair_terms,
    root_mean_square_error,
    sign_agreement,
)

Floats = npt.NDArray[np.float64]
pairs = st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100)), min_size=2, max_size=40)


def _two_passes(x: Floats, y: Floats) -> list[float]:
    """Return CCC, PCC, RMSE and SAGR by their definitions, 0 where a coefficient is undefined."""
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    constant = not (np.ptp(x) and np.ptp(y))
    return [
        0.0 if constant else 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2),
        0.0 if constant else covariance / np.sqrt(x.var() * y.var()),
        float(np.sqrt(np.mean((x - y) ** 2))),
        float(np.mean(np.sign(x) == np.sign(y))),
    ]


@given(pairs)
def test_measures_of_sums_are_those_of_the_rows(rows: list[tuple[int, int]]) -> None:
    estimates, truths = (np.array(column, float) / 100 for column in zip(*rows, strict=True))
    wanted = _two_passes(estimates, truths)
    found = agreement_of(agreement_terms(estimates, truths).sum(axis=0))
    # Sums of values that are not centred lose digits.
    assert found == pytest.approx(wanted, abs=1e-6)
    coefficients = [measure(estimates, truths, undefined=0.0) for measure in (concordance, correlation)]
    assert coefficients == pytest.approx(wanted[:2], abs=1e-9)
    errors = [root_mean_square_error(estimates, truths), sign_agreement(estimates, truths)]
    assert errors == pytest.approx(wanted[2:], abs=1e-12)


@given(pairs)
def test_correlation_is_scipys(rows: list[tuple[int, int]]) -> None:
    x, y = (np.array(column) / 100 for column in zip(*rows, strict=True))
    if np.ptp(x) and np.ptp(y):
        assert correlation(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    else:
        assert math.isnan(correlation(x, y))
        assert correlation(x, y, undefined=0.0) == 0


@given(pairs)
def test_concordance_is_correlation_times_the_bias_correction(rows: list[tuple[int, int]]) -> None:
    # Lin (1989), equation 2: CCC = r C_b with C_b = 2 / (v + 1/v + u^2), where v is the ratio of the deviations and u
    # the difference of the means over their geometric mean.
    x, y = (np.array(column) / 100 for column in zip(*rows, strict=True))
    if np.ptp(x) and np.ptp(y):
        scale, shift = x.std() / y.std(), (x.mean() - y.mean()) ** 2 / (x.std() * y.std())
        expected = stats.pearsonr(x, y).statistic * 2 / (scale + 1 / scale + shift)
        assert concordance(x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_centring_keeps_the_digits_of_large_values(offset: float) -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=60)
    b = a + rng.normal(size=60) + 0.5
    a, b = a + offset, b + offset
    assert correlation(a, b) == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-9)
    # Lin (1989), equation 2, in its other form: one less the expected squared distance from the 45 degree line over
    # what it would be if the two were uncorrelated.
    expected = 1 - ((a - b) ** 2).mean() / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert concordance(a, b) == pytest.approx(expected, abs=1e-9)


def test_rows_with_a_missing_value_do_not_count() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 60))
    a[rng.random(60) < 0.3], b[rng.random(60) < 0.3] = np.nan, np.nan
    both = np.isfinite(a) & np.isfinite(b)
    assert 1 < both.sum() < 60
    assert correlation(a, b) == pytest.approx(np.corrcoef(a[both], b[both])[0, 1], abs=1e-12)
    found = agreement_of(agreement_terms(a, b).sum(axis=0))
    assert found == pytest.approx(_two_passes(a[both], b[both]), abs=1e-12)


def test_sums_of_videos_add_up() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 30))
    parts = np.stack([pair_terms(a[:10], b[:10]).sum(axis=0), pair_terms(a[10:], b[10:]).sum(axis=0)])
    assert concordance_of(parts.sum(axis=0)) == pytest.approx(concordance(a, b), abs=1e-12)
    each = [correlation(a[:10], b[:10]), correlation(a[10:], b[10:])]
    assert correlation_of(parts) == pytest.approx(each, abs=1e-12)


def test_numbers_computed_by_hand() -> None:
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


def test_an_undefined_measure_is_nan_unless_another_value_is_given() -> None:
    flat, slope = [0.5, 0.5, 0.5], [0.1, 0.2, 0.3]
    assert math.isnan(correlation(flat, slope))
    assert math.isnan(concordance(flat, flat))
    assert concordance(flat, slope) == 0
    assert math.isnan(concordance([0.1, math.nan], [math.nan, 0.1]))
    assert math.isnan(concordance([], []))
    assert math.isnan(root_mean_square_error([], []))
    # The variance of equal numbers need not be computed as 0.
    nines = [0.09] * 3
    assert np.var(nines) > 0
    assert correlation(nines, nines, undefined=0.0) == concordance(nines, nines, undefined=0.0) == 0


@pytest.mark.parametrize(("x", "y"), [([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])])
def test_series_of_different_shapes_are_refused(x: list[float], y: list[float]) -> None:
    for measure in (concordance, correlation, root_mean_square_error, sign_agreement):
        with pytest.raises(ValueError, match="two series of one length"):
            measure(x, y)
