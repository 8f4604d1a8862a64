from __future__ import annotations

import itertools
import math

import krippendorff
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.statistics.rater_agreement import (
    ICC_NAMES,
    alpha_interval,
    alpha_nominal,
    intraclass,
)

Floats = npt.NDArray[np.float64]


def _ratings(seed: int, items: int = 60, raters: int = 5, missing: float = 0.0) -> Floats:
    rng = np.random.default_rng(seed)
    values: Floats = rng.normal(size=(items, 1)) + rng.normal(size=(items, raters)) + rng.normal(size=raters)
    values[rng.random(values.shape) < missing] = np.nan
    return values


def _literal_icc(x: Floats) -> dict[str, float]:
    """The table of Shrout and Fleiss (1979), with sums of squares as they are defined, cell by cell."""
    n, k = x.shape
    grand = x.mean()
    bms = k * sum((x[i].mean() - grand) ** 2 for i in range(n)) / (n - 1)
    jms = n * sum((x[:, j].mean() - grand) ** 2 for j in range(k)) / (k - 1)
    cells = itertools.product(range(n), range(k))
    ems = sum((x[i, j] - x[i].mean() - x[:, j].mean() + grand) ** 2 for i, j in cells) / ((n - 1) * (k - 1))
    return {
        "icc_2_1": (bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / n),
        "icc_2_k": (bms - ems) / (bms + (jms - ems) / n),
        "icc_3_k": (bms - ems) / bms,
    }


def test_the_example_of_shrout_and_fleiss() -> None:
    # Shrout and Fleiss (1979), tables 2 and 4: four judges, six targets; .29, .62 and .91.
    scores = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = intraclass(scores)
    assert [round(found[name], 2) for name in ICC_NAMES] == [0.29, 0.62, 0.91]


@pytest.mark.parametrize("seed", range(5))
def test_intraclass_correlations_are_those_of_the_analysis_of_variance(seed: int) -> None:
    values = _ratings(seed, raters=2 + seed)
    assert intraclass(values) == pytest.approx(_literal_icc(values), abs=1e-12)


def test_intraclass_correlations_take_whole_items_only() -> None:
    values = _ratings(1, missing=0.1)
    whole = values[np.isfinite(values).all(axis=1)]
    assert 1 < len(whole) < len(values)
    assert intraclass(values) == pytest.approx(_literal_icc(whole), abs=1e-12)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_interval_alpha_is_that_of_its_authors_package(missing: float) -> None:
    values = _ratings(4, missing=missing)
    expected = krippendorff.alpha(reliability_data=values.T, level_of_measurement="interval")
    assert alpha_interval(values) == pytest.approx(expected, abs=1e-12)


# Krippendorff (2011), section C: four observers, twelve units, five categories, missing data; alpha nominal is .743 and
# interval .849.
_KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def test_the_example_of_krippendorff() -> None:
    values = np.array(_KRIPPENDORFF, float).T
    assert round(alpha_interval(values), 3) == 0.849
    assert round(alpha_nominal(np.nan_to_num(values, nan=0).astype(int) - 1), 3) == 0.743


@given(st.lists(st.lists(st.integers(-1, 3), min_size=4, max_size=4), min_size=2, max_size=20))
def test_nominal_alpha_is_that_of_its_authors_package(codes: list[list[int]]) -> None:
    table = np.array(codes)
    paired = table[(table >= 0).sum(axis=1) > 1]
    if len(np.unique(paired[paired >= 0])) < 2:
        # Without variation alpha is undefined, which we say and the package refuses.
        assert math.isnan(alpha_nominal(table))
        return
    expected = krippendorff.alpha(reliability_data=np.where(table < 0, np.nan, table).T, level_of_measurement="nominal")
    assert alpha_nominal(table) == pytest.approx(expected, abs=1e-12)


def test_an_undefined_measure_is_nan() -> None:
    assert all(math.isnan(value) for value in intraclass([[0.1, 0.1], [0.1, 0.1]]).values())
    assert math.isnan(alpha_interval([[0.1, math.nan], [math.nan, 0.2]]))
