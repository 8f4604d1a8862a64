"""Metrics with named fields say what the figures of the same runs say."""

from __future__ import annotations

from pathlib import Path

from fertools.training.evaluation.predictions import write_predictions
from fertools.training.jobs.compare import compare_runs
from fertools.training.jobs.evaluate import evaluate_runs
from tests.training.guesses import invent

FIRST, SECOND = "classifier/first", "classifier/second"


def test_predictions_and_their_comparison_have_fields(tmp_path: Path) -> None:
    write_predictions(tmp_path / "training" / FIRST / "predictions.parquet", invent(skill=3, va=True))
    write_predictions(tmp_path / "training" / SECOND / "predictions.parquet", invent(skill=0.5, seed=1))
    found = evaluate_runs(tmp_path, [FIRST, SECOND])
    figures = found.figures["runs"][FIRST]
    first = found.predictions[FIRST]
    assert (first.faces, first.folds, first.classes) == (
        figures["faces"],
        tuple(figures["folds"]),
        tuple(figures["classes"]),
    )
    assert first.classification.keys() == figures["classification"]["measures"].keys()
    accuracy, wanted = first.classification["accuracy"], figures["classification"]["measures"]["accuracy"]
    assert accuracy.value == wanted["pooled"] > 0.5
    assert accuracy.people is not None
    assert accuracy.folds is not None
    assert accuracy.people.low == wanted["people"]["low"] < accuracy.folds.mean == wanted["folds"]["mean"]
    assert first.valence["ccc"].value == figures["valence_arousal"]["valence"]["measures"]["ccc"]["pooled"]
    assert not found.predictions[SECOND].arousal
    assert not found.translations
    assert not found.comparisons
    assert "balanced accuracy" in found._repr_html_()


def test_differences_of_runs_have_fields(tmp_path: Path) -> None:
    write_predictions(tmp_path / "training" / FIRST / "predictions.parquet", invent(skill=3, va=True))
    write_predictions(tmp_path / "training" / SECOND / "predictions.parquet", invent(skill=0.5, seed=1))
    found = compare_runs(tmp_path, [FIRST, SECOND]).evaluation
    (compared,) = found.comparisons
    entry = found.figures["comparisons"][0]
    assert (compared.first, compared.second, compared.faces) == (FIRST, SECOND, entry["faces"])
    assert compared.differences["macro_f1"].value == entry["measures"]["macro_f1"]["difference"]
    assert compared.p_mcnemar == entry["mcnemar"]["p_holm"] < 0.01
    assert compared.p_folds["accuracy"] == entry["measures"]["accuracy"]["folds"]["p_holm"]
