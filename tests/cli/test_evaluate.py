"""`fertools evaluate`: one run whole, several side by side, and what cannot be evaluated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertools.training.predictions import write_predictions
from tests.cli.conftest import Run
from tests.training.guesses import invent


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_predictions(tmp_path / "training/classifier/first/predictions.parquet", invent(skill=3, va=True))
    write_predictions(tmp_path / "training/classifier/second/predictions.parquet", invent(skill=0.5, seed=1))
    return tmp_path


def test_one_run_with_its_classes_folds_and_guesses(fertools: Run, runs: Path) -> None:
    done = fertools("evaluate", "classifier/first", "--replicates", 100)
    assert done.code == 0
    for words in (
        "classifier/first",
        "always the majority",
        "guessing by frequency",
        "By class",
        "Confusion",
        "By fold",
        "Accuracy by person",
        "Valence",
        "always the training mean",
    ):
        assert words in done.out
    assert "Differences" not in done.out


def test_several_are_compared_in_the_form_asked_for(fertools: Run, runs: Path) -> None:
    path = runs / "training/classifier/second/predictions.parquet"
    done = fertools("evaluate", "classifier/first", path, "--format", "markdown", "--replicates", 100)
    assert done.code == 0
    assert "| classifier/first − classifier/second |" in done.out
    assert "Confusion" not in done.out
    assert r"\begin{tabular}" in fertools("evaluate", "classifier/first", "--format", "latex").out


def test_json_holds_every_figure(fertools: Run, runs: Path) -> None:
    done = fertools("evaluate", "classifier/first", "classifier/second", "--json", "--replicates", 100)
    found = json.loads(done.out)
    assert list(found["runs"]) == ["classifier/first", "classifier/second"]
    assert found["runs"]["classifier/first"]["classification"]["measures"]["accuracy"]["pooled"] > 0.5
    assert found["comparisons"][0]["measures"]["accuracy"]["people"]["low"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["classifier/fist"], "did you mean 'classifier/first'"),
        (["classifier/first", "classifier/first"], "named twice"),
        (["nothing/like/it/anywhere"], "there are classifier/first, classifier/second"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_evaluated_is_named(fertools: Run, runs: Path, arguments: list[str], words: str) -> None:
    done = fertools("evaluate", *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err


def test_where_nothing_was_trained_that_comes_first(fertools: Run) -> None:
    done = fertools("evaluate", "classifier/first")
    assert done.code == 2
    assert "train something" in done.err
