"""Comparison of runs: only on common faces, and with tests that find real differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.errors import InputError
from fertools.statistics.paired_tests import corrected_paired_test, holm
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


def test_more_seeds_are_not_more_faces_folds_or_people() -> None:
    """The same run three times says as much as once."""
    good, poor = invent(skill=2, seed=1), invent(skill=1, seed=2)
    once, thrice = compare(good, poor, ("fear",)), compare([good] * 3, [poor] * 3, ("fear",))
    assert thrice["repeats"] == [3, 3]
    for key in ("mcnemar", "measures", "classes"):
        assert_alike(thrice[key], once[key])


def assert_alike(found: Any, wanted: Any) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert_alike(found[key], value)
    else:
        assert found == pytest.approx(wanted)


def test_of_several_seeds_the_mean_counts() -> None:
    seeds, other = [invent(seed=seed) for seed in range(3)], invent(seed=9)
    found = compare(seeds, other)["measures"]
    alone = [compare(run, other)["measures"] for run in seeds]
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        means = [entry[name]["difference"] for entry in alone]
        assert found[name]["difference"] == pytest.approx(np.mean(means))
    folds = [entry["accuracy"]["folds"]["mean"] for entry in alone]
    assert found["accuracy"]["folds"]["mean"] == pytest.approx(np.mean(folds))
    assert found["accuracy"]["folds"]["folds"] == 4
    won = np.mean([right(run) for run in seeds], axis=0)
    assert compare(seeds, other)["mcnemar"]["first_only"] == int((won > right(other)).sum())


def test_chosen_pairs_and_classes_are_two_families() -> None:
    runs = {"a": invent(skill=3, seed=1), "b": invent(seed=2), "c": invent(seed=3)}
    found = compare_all(runs, [("a", "b", ["fear", "anger"]), ("a", "c", ["fear"])])
    assert [(entry["first"], entry["second"], list(entry["classes"])) for entry in found] == [
        ("a", "b", ["fear", "anger"]),
        ("a", "c", ["fear"]),
    ]
    p = [test["folds"]["p"] for entry in found for test in entry["classes"].values()]
    corrected = [test["folds"]["p_holm"] for entry in found for test in entry["classes"].values()]
    assert corrected == pytest.approx(holm(p))
    labels = runs["a"].labels()
    fear = labels == runs["a"].classes.index("fear")
    wanted = right(runs["a"])[fear].mean() - right(runs["b"])[fear].mean()
    assert found[0]["classes"]["fear"]["difference"] == pytest.approx(wanted)
    with pytest.raises(InputError, match="no run predicts the class pain; the classes are anger"):
        compare(runs["a"], runs["b"], ["pain"])


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


def test_folds_may_change_with_the_repeat_but_not_between_methods() -> None:
    first = [invent(seed=1, skill=2), invent(seed=2, skill=2, split_seed=5)]
    second = [invent(seed=3), invent(seed=4, split_seed=5)]
    found = compare(first, second)
    each = []
    for fold in range(4):
        values = [
            [(run.labels() == run.probabilities().argmax(axis=1))[run.folds() == fold].mean() for run in side]
            for side in (first, second)
        ]
        each.append(np.mean(values[0]) - np.mean(values[1]))
    assert found["measures"]["accuracy"]["folds"]["mean"] == pytest.approx(np.mean(each))
    with pytest.raises(InputError, match="another fold"):
        compare(first, second[::-1])
