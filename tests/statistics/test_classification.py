"""Measures of decisions against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from fertools.statistics.classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1,
    macro_f1,
    precision,
    recall,
)

decided = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def arrays(rows: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    labels, decisions = np.array(rows, np.int64).T
    return labels, decisions


@given(decided)
def test_they_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    labels, decisions = arrays(rows)
    found = confusion_matrix(labels, decisions, 4)
    assert found.tolist() == metrics.confusion_matrix(labels, decisions, labels=range(4)).tolist()
    assert accuracy(found) == pytest.approx(metrics.accuracy_score(labels, decisions))
    assert macro_f1(found) == pytest.approx(metrics.f1_score(labels, decisions, average="macro", zero_division=0))
    each = metrics.precision_recall_fscore_support(labels, decisions, labels=range(4), zero_division=0)
    present = np.isin(range(4), labels)
    assert precision(found) == pytest.approx(each[0])
    assert recall(found)[present] == pytest.approx(each[1][present])
    assert np.isnan(recall(found)[~present]).all()
    assert np.nan_to_num(f1(found)) == pytest.approx(each[2])
    assert balanced_accuracy(found) == pytest.approx(each[1][present].mean())


@given(st.lists(decided, min_size=1, max_size=5))
def test_many_at_once_are_each_by_itself(batches: list[list[tuple[int, int]]]) -> None:
    each = np.stack([confusion_matrix(*arrays(rows), 4) for rows in batches])
    for measure in (accuracy, balanced_accuracy, macro_f1):
        assert measure(each) == pytest.approx(np.array([measure(one) for one in each]))


def test_nothing_decided_is_nothing_known() -> None:
    empty = np.zeros((3, 3))
    assert all(np.isnan(measure(empty)) for measure in (accuracy, balanced_accuracy, macro_f1))


def test_always_saying_happiness_on_emotionet_has_a_high_accuracy_and_the_recall_of_guessing() -> None:
    # Test folds of 228 images, 152 of them happiness: Zhang et al. (2018) report 16.7 for what is right in 66.7 %.
    found = np.zeros((6, 6))
    found[:, 3] = [14, 12, 10, 152, 27, 13]
    assert accuracy(found) == pytest.approx(2 / 3)
    assert balanced_accuracy(found) == pytest.approx(1 / 6)
