"""Tests between runs: against scipy, published cases, and what they should say where nothing differs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fertools.statistics.paired_tests import corrected_paired_test, holm, mcnemar


def decisions(first_only: int, second_only: int, both: int = 10) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([True, False, True], [first_only, second_only, both])
    second = np.repeat([False, True, True], [first_only, second_only, both])
    return first, second


def test_mcnemar_of_a_published_case() -> None:
    # Agresti, Categorical Data Analysis (2002), table 10.1: approval ratings, 86 and 150 changed their minds.
    found = mcnemar(*decisions(86, 150))
    assert (found.first_only, found.second_only) == (86, 150)
    # There, z² = 17.36 without correction; the exact p lies near that of the chi-squared distribution.
    assert pytest.approx(17.36, abs=0.005) == (86 - 150) ** 2 / (86 + 150)
    assert found.p == pytest.approx(stats.chi2.sf(17.36, 1), rel=0.35)


@pytest.mark.parametrize(("first", "second", "p"), [(0, 0, 1.0), (0, 5, 2 / 32), (1, 5, 2 * 7 / 64), (4, 4, 1.0)])
def test_mcnemar_of_few_faces_is_counted_out(first: int, second: int, p: float) -> None:
    assert mcnemar(*decisions(first, second)).p == pytest.approx(p)
    assert mcnemar(*decisions(second, first)).p == pytest.approx(p)


def test_without_a_correction_the_paired_test_is_scipys() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(10), rng.random(10) + 0.1
    found = corrected_paired_test((first - second).tolist(), 0.0)
    wanted = stats.ttest_rel(first, second)
    assert found is not None
    assert (found.t, found.p) == pytest.approx((wanted.statistic, wanted.pvalue))
    interval = wanted.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_the_correction_is_nadeaus_and_bengios() -> None:
    differences = [0.02, 0.05, -0.01, 0.03]
    found = corrected_paired_test(differences, 1 / 3)
    wanted = np.mean(differences) / np.sqrt((1 / 4 + 1 / 3) * np.var(differences, ddof=1))
    assert found is not None
    assert found.t == pytest.approx(wanted)
    assert found.p == pytest.approx(2 * stats.t.sf(wanted, 3))


def test_folds_without_spread() -> None:
    same = corrected_paired_test([0.0, 0.0], 1.0)
    better = corrected_paired_test([0.1, 0.1], 1.0)
    assert same is not None
    assert better is not None
    assert (same.t, same.p) == (0, 1)
    assert better.p == pytest.approx(0, abs=1e-9)
    assert corrected_paired_test([0.1], 1.0) is None


def test_holm_of_a_published_case() -> None:
    # R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm").
    assert holm([0.05, 0.01, 0.03, 0.02, 0.04]) == pytest.approx([0.09, 0.05, 0.09, 0.08, 0.09])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]
