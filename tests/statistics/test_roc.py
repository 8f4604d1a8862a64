"""Curves and areas against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from fertools.statistics.roc import area, macro_curve, micro_curve, one_against_rest, roc_curve, thinned

# Few distinct scores, so that ties are the rule.
scored = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=50)


@given(scored)
def test_the_curve_is_scikit_learns(rows: list[tuple[bool, int]]) -> None:
    truths, scores = np.array([row[0] for row in rows]), np.array([row[1] / 5 for row in rows])
    if truths.all() or not truths.any():
        return
    across, up = roc_curve(truths, scores)
    wanted_across, wanted_up, _ = metrics.roc_curve(truths, scores, drop_intermediate=False)
    assert across == pytest.approx(wanted_across)
    assert up == pytest.approx(wanted_up)
    assert area(across, up) == pytest.approx(metrics.roc_auc_score(truths, scores))


def test_each_class_and_all_pairs() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    probabilities = rng.dirichlet(np.ones(5), 200)
    probabilities[np.arange(200), labels] += 0.2
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    curves = one_against_rest(labels, probabilities)
    assert sorted(curves) == [0, 1, 2, 3]
    for index, (across, up) in curves.items():
        assert area(across, up) == pytest.approx(metrics.roc_auc_score(labels == index, probabilities[:, index]))
    truths = np.eye(5)[labels]
    assert area(*micro_curve(labels, probabilities)) == pytest.approx(
        metrics.roc_auc_score(truths, probabilities, average="micro")
    )


def test_a_class_that_is_everything_has_no_curve() -> None:
    assert one_against_rest(np.zeros(3, np.int64), np.full((3, 2), 0.5)) == {}


def test_a_thinned_curve_has_the_same_ends_and_about_the_same_area() -> None:
    rng = np.random.default_rng(1)
    truths = rng.random(20_000) < 0.3
    across, up = roc_curve(truths, rng.normal(size=20_000) + truths)
    few_across, few_up = thinned(across, up, 100)
    assert len(few_across) <= 102
    assert (few_across[0], few_up[0], few_across[-1], few_up[-1]) == (0, 0, 1, 1)
    assert area(few_across, few_up) == pytest.approx(area(across, up), abs=1e-3)
    assert thinned(across[:50], up[:50], 100)[0].tolist() == across[:50].tolist()


def test_the_area_of_the_macro_curve_is_the_mean_of_the_areas() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        curves = [roc_curve(rng.random(40) < 0.3, rng.integers(0, 6, 40).astype(float)) for _ in range(4)]
        across, up = macro_curve(curves)
        assert area(across, up) == pytest.approx(np.mean([area(*curve) for curve in curves]))
        assert (np.diff(across) >= 0).all()
        assert (np.diff(up) >= -1e-12).all()
        assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
