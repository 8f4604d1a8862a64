"""A method of several seeds is one row: means over seeds, and no more folds or people than there are."""

from __future__ import annotations

import numpy as np
import pytest

from fertools.core.vocabulary import EMOTIONS
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.repeats import score_repeats
from fertools.training.reports.result_tables import metric_tables, repeat_tables
from tests.training.guesses import invent, preferring


def test_one_seed_is_the_run_itself() -> None:
    assert score_repeats([invent()]) == compute_metrics(invent())


def test_each_measure_is_the_mean_over_seeds_in_every_fold_and_pooled() -> None:
    seeds = [invent(seed=seed) for seed in range(3)]
    found, alone = score_repeats(seeds)["classification"], [compute_metrics(run)["classification"] for run in seeds]
    for name, entry in found["measures"].items():
        assert entry["pooled"] == pytest.approx(np.mean([each["measures"][name]["pooled"] for each in alone]))
        assert entry["folds"]["mean"] == pytest.approx(
            np.mean([each["measures"][name]["folds"]["mean"] for each in alone])
        )
        assert entry["folds"]["folds"] == 4
    values = [each["measures"]["accuracy"]["pooled"] for each in alone]
    spread = found["repeats"]["measures"]["accuracy"]
    assert (spread["mean"], spread["sd"]) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
    assert [part["faces"] for part in found["by_fold"]] == [part["faces"] for part in alone[0]["by_fold"]]


def test_a_person_counts_once_however_many_seeds() -> None:
    once, thrice = compute_metrics(invent()), score_repeats([invent()] * 3)
    for key in ("faces", "subjects", "folds"):
        assert once[key] == thrice[key]
    for name, entry in once["classification"]["measures"].items():
        found = thrice["classification"]["measures"][name]
        assert found["folds"] == pytest.approx(entry["folds"])
        if entry["people"]:
            assert found["people"] == pytest.approx(entry["people"])


def test_an_interval_over_people_is_that_of_the_mean_over_seeds() -> None:
    """Seeds that err in different ways: the macro F1 of their pooled faces is not the mean of their macro F1."""
    seeds = [preferring(invent(seed=number), emotion) for number, emotion in enumerate(EMOTIONS[:3])]
    found = score_repeats(seeds)["classification"]["measures"]["macro_f1"]
    alone = [compute_metrics(run)["classification"]["measures"]["macro_f1"] for run in seeds]
    assert found["pooled"] == pytest.approx(np.mean([entry["pooled"] for entry in alone]))
    assert found["people"]["low"] < found["pooled"] < found["people"]["high"]
    assert found["people"]["groups"] == alone[0]["people"]["groups"]


def test_tables_say_that_there_are_seeds_and_how_far_they_are_apart() -> None:
    runs = {"Ours": score_repeats([invent(seed=seed) for seed in range(3)]), "Once": compute_metrics(invent(seed=5))}
    assert "Of 3 seeds, each fold has the mean." in metric_tables(runs)[0].note
    (table,) = repeat_tables(runs)
    assert [row[:2] for row in table.rows] == [("Ours", "3")]
    assert repeat_tables({"Once": runs["Once"]}) == []


def test_a_fold_of_one_class_has_no_macro_f1_or_auc_and_is_said() -> None:
    run = invent(classes=("laughter", "speech"), folds=12, faces=14)
    names = np.array(run.table["emotion"].to_pylist())
    folds = run.folds()
    names[folds == 3] = "laughter"
    table = run.table.set_column(run.table.column_names.index("emotion"), "emotion", [names.tolist()])
    found = compute_metrics(type(run)(table, run.classes, run.trained))["classification"]
    assert found["folds_of_one_class"] == [3]
    part = found["by_fold"][3]["measures"]
    assert part["macro_f1"] is None
    assert part["macro_auc"] is None
    assert part["accuracy"] is not None
    assert found["measures"]["macro_f1"]["folds"]["folds"] == 11
    assert found["measures"]["accuracy"]["folds"]["folds"] == 12
    assert found["baselines"]["prior"]["macro_f1"]["folds"]["folds"] == 11
    assert [row["f1_folds"]["folds"] for row in found["per_class"]] == [12, 11]
    (over_folds, *_) = metric_tables({"run": compute_metrics(type(run)(table, run.classes, run.trained))})
    assert "Left out of macro F1 and AUC: 1 folds whose faces are all of one class." in over_folds.note


def test_repeats_with_other_folds_count_the_folds_of_one_number_once() -> None:
    repeats = [invent(seed=1), invent(seed=2, split_seed=5)]
    assert (repeats[0].folds() != repeats[1].folds()).any()
    found, alone = score_repeats(repeats)["classification"], [compute_metrics(run)["classification"] for run in repeats]
    assert found["repeats"]["new_folds"]
    for number, part in enumerate(found["by_fold"]):
        values = [each["by_fold"][number]["measures"]["accuracy"] for each in alone]
        assert part["measures"]["accuracy"] == pytest.approx(np.mean(values))
    accuracy = found["measures"]["accuracy"]
    assert accuracy["folds"]["folds"] == 4, "as many as one repeat has"
    assert accuracy["people"]["groups"] == 12, "each person is one cluster over both repeats"
    (over_folds, *_) = metric_tables({"Ours": score_repeats(repeats)})
    assert "2 complete repeats have other seeds and other folds" in over_folds.note
    assert not score_repeats([invent(seed=1), invent(seed=2)])["classification"]["repeats"]["new_folds"]
