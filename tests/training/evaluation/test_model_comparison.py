"""Comparison of runs: only on common faces, and with tests that find real differences."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.errors import InputError
from fertools.statistics.paired_tests import corrected_paired_test
from fertools.training.evaluation.model_comparison import compare, compare_all
from fertools.training.evaluation.predictions import Predictions
from tests.training.guesses import invent


def right(run: Predictions) -> np.ndarray:
    decided: np.ndarray = run.probabilities().argmax(axis=1) == run.labels()
    return decided


def test_a_better_run_is_found_to_be_better() -> None:
    good, poor = invent(skill=3, seed=1), invent(skill=0.5, seed=2)
    found = compare(good, poor)
    both = right(good), right(poor)
    assert found["faces"] == len(good.table)
    assert found["left_out"] == 0
    assert found["mcnemar"]["first_only"] == int((both[0] & ~both[1]).sum())
    assert found["mcnemar"]["p"] < 1e-6
    accuracy = found["measures"]["accuracy"]
    assert accuracy["difference"] == pytest.approx(both[0].mean() - both[1].mean())
    assert 0 < accuracy["people"]["low"] < accuracy["difference"] < accuracy["people"]["high"]
    folds = good.folds()
    differences = [float(both[0][folds == fold].mean() - both[1][folds == fold].mean()) for fold in range(4)]
    wanted = corrected_paired_test(differences, 1 / 3)
    assert wanted is not None
    assert accuracy["folds"]["p"] == pytest.approx(wanted.p)
    mirrored = compare(poor, good)
    assert mirrored["measures"]["macro_f1"]["difference"] == pytest.approx(-found["measures"]["macro_f1"]["difference"])


def test_runs_of_equal_skill_are_rarely_told_apart() -> None:
    found = [compare(invent(seed=2 * index), invent(seed=2 * index + 1)) for index in range(20)]
    assert sum(entry["measures"]["accuracy"]["folds"]["p"] < 0.05 for entry in found) <= 4
    assert compare(invent(), invent())["mcnemar"]["p"] == 1


def test_of_several_runs_every_two_are_compared_and_p_is_corrected_for_it() -> None:
    runs = {"a": invent(skill=3, seed=1), "b": invent(seed=2), "c": invent(seed=3)}
    found = compare_all(runs)
    assert [(entry["first"], entry["second"]) for entry in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    for entry in found:
        assert entry["mcnemar"]["p"] <= entry["mcnemar"]["p_holm"]
        assert entry["measures"]["accuracy"]["folds"]["p"] <= entry["measures"]["accuracy"]["folds"]["p_holm"]
    smallest = min(found, key=lambda entry: entry["mcnemar"]["p"])["mcnemar"]
    assert smallest["p_holm"] == pytest.approx(3 * smallest["p"])


def test_only_common_faces_count() -> None:
    first, second = invent(), invent(seed=1)
    part = Predictions(second.table.slice(10), second.classes, second.trained)
    found = compare(first, part)
    assert (found["faces"], found["left_out"]) == (len(first.table) - 10, 10)


def test_classes_may_stand_in_another_order() -> None:
    first = invent(classes=("anger", "fear", "sadness"))
    order = ("sadness", "anger", "fear")
    table = first.table.select([*first.table.column_names[:-3], *(f"p_{name}" for name in order)])
    found = compare(first, Predictions(table, order, first.trained))
    assert found["mcnemar"]["first_only"] == found["mcnemar"]["second_only"] == 0


def test_one_fold_has_no_test_over_folds() -> None:
    found = compare(invent(folds=1), invent(folds=1, seed=1))
    assert found["measures"]["accuracy"]["folds"] is None


def test_other_faces_labels_or_folds_are_refused() -> None:
    run = invent()
    strangers = run.table.set_column(
        0, run.table.schema.field("face_id"), pa.array([f"x{index}" for index in range(len(run.table))])
    )
    with pytest.raises(InputError, match="in common"):
        compare(run, Predictions(strangers, run.classes, run.trained))
    moved = run.table.set_column(2, run.table.schema.field("fold"), pa.array((run.folds() + 1) % 4, pa.int32()))
    with pytest.raises(InputError, match="another fold"):
        compare(run, Predictions(moved, run.classes, run.trained))
