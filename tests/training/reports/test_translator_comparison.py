"""Translators side by side: the metric of each table, and the mean over folds."""

from __future__ import annotations

import pytest
from scipy import stats

from fertools.training.reports.table_formatting import format_table
from fertools.training.reports.translator_comparison import compare_translators, translator_comparison_tables
from tests.training.reports.test_translation_tables import figures, measured


def test_the_main_measures_stand_side_by_side() -> None:
    first, second = figures() | {"folds": [0]}, figures() | {"folds": [0], "judges": {}, "features": {}}
    found = compare_translators({"a": first, "b": second})
    made = first["judges"]["classifier/x"]["generated"]
    assert found["runs"]["a"]["consistency"] == made["classification"]["measures"]["accuracy"]["pooled"]
    assert found["runs"]["a"]["arousal_ccc"] == made["valence_arousal"]["arousal"]["measures"]["ccc"]["pooled"]
    assert (found["runs"]["a"]["fid"], found["runs"]["a"]["kid"], found["runs"]["a"]["cosine"]) == (12.5, 0.25, 0.6)
    learned = first["gan_train"]["classifier_x"]["classification"]["measures"]["balanced_accuracy"]["pooled"]
    assert found["runs"]["b"]["gan_train"] == learned
    assert found["runs"]["b"]["consistency"] is found["runs"]["b"]["fid"] is None
    assert found["folds"] is None, "both hold out the same people"
    (result_table,) = translator_comparison_tables(found)
    assert [row[0] for row in result_table.rows] == ["a", "b"]
    assert "–" in format_table(result_table, "markdown")
    assert translator_comparison_tables(None) == []


def test_a_judge_that_is_not_independent_is_named_once_beside_its_figure() -> None:
    runs = {name: figures() | {"folds": [fold]} for fold, name in enumerate("ab")}
    (plain,) = translator_comparison_tables(compare_translators(runs))
    assert "GAN-test" not in plain.note
    runs["b"]["judges"]["classifier/x"]["had_part"] = True
    (marked,) = translator_comparison_tables(compare_translators(runs))
    assert marked.note.count("is by classifier/x, whose weights had a part in training these generators") == 1


def test_runs_that_hold_out_other_folds_have_a_mean_with_an_interval() -> None:
    runs, values = {}, [0.2, 0.3, 0.7]
    for fold, value in enumerate(values):
        runs[f"fold {fold}"] = figures() | {"folds": [fold], "identity": {}}
        runs[f"fold {fold}"]["reconstruction"]["measures"]["l1"] = measured(value)
    runs["fold 0"]["identity"] = figures()["identity"]
    found = compare_translators(runs)["folds"]
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found["l1"]["mean"], found["l1"]["low"], found["l1"]["high"]) == pytest.approx(
        (0.4, wanted.low, wanted.high)
    )
    assert "cosine" not in found, "one fold has none"
    (result_table,) = translator_comparison_tables(compare_translators(runs))
    assert result_table.rows[-1][0] == "mean over folds"
    assert result_table.rows[-1][result_table.head.index("identity")] == "–"
    assert result_table.rows[-1][result_table.head.index("L1")] == f"0.400 ± {(wanted.high - wanted.low) / 2:.3f}"
