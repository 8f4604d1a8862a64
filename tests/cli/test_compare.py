"""`fertools compare`: tables within the width of the terminal, JSON, the page, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertools.training.evaluation.predictions import Predictions, write_predictions
from fertools.training.jobs.train import train
from tests.cli.conftest import Run
from tests.training.blobs import blob_rows, write_blobs
from tests.training.guesses import invent

LONG = "classifier/of-an-experiment.fold-0.repeat-1"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, run in (
        ("classifier/first", invent(skill=3)),
        ("svm/second", invent(skill=0.5, seed=1)),
        (LONG, invent(skill=1, seed=2)),
    ):
        write_predictions(tmp_path / "training" / name / "predictions.parquet", run)
    return tmp_path


def test_runs_stand_side_by_side_with_tests_and_a_page(
    fertools: Run, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in ("80", "120"):
        monkeypatch.setenv("COLUMNS", width)
        done = fertools("compare", "classifier/first", "svm/second")
        assert done.code == 0
        for words in (
            "test set: the held-out faces of the runs; 168 faces of 12 people",
            "balanced accuracy (UAR)",
            "classifier/first − svm/second",
            "McNemar p",
            "p over folds, UAR",
            "Recall by class (faces)",
            "Mean over folds",
        ):
            assert words in done.out
        lines = done.out.splitlines()
        assert max(len(line) for line in lines if not line.startswith("report")) <= int(width)
    page = runs / "training/comparisons/comparison/report.html"
    assert done.out.splitlines()[-1] == f"report  {page}"
    assert "classifier/first in full" in page.read_text(encoding="utf-8")


def test_long_names_become_numbers_in_the_terminal_only(fertools: Run, runs: Path) -> None:
    done = fertools("compare", "classifier/first", LONG)
    assert f"1  classifier/first\n2  {LONG}\n" in done.out
    assert "1 − 2" in done.out
    assert f"| classifier/first − {LONG} |" in fertools("compare", "classifier/first", LONG, "--format", "markdown").out
    found = json.loads(fertools("compare", "classifier/first", LONG, "--json", "--name", "mine").out)
    assert list(found["runs"]) == ["classifier/first", LONG]
    assert found["comparisons"][0]["measures"]["accuracy"]["people"]["low"] > 0
    assert Path(found["report"]).is_file()


def test_other_faces_are_one_sentence_and_exit_2_unless_asked_for(fertools: Run, runs: Path) -> None:
    whole = invent(seed=5)
    few = Predictions(whole.table.slice(0, 120), whole.classes, whole.trained)
    write_predictions(runs / "training/mine/few/predictions.parquet", few)
    done = fertools("compare", "classifier/first", "mine/few")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "120 in common, 48 only in classifier/first, 0 only in mine/few" in done.err
    assert done.err.rstrip().endswith("with --on, or take the faces and classes that all have with --common")
    done = fertools("compare", "classifier/first", "mine/few", "--common")
    assert done.code == 0
    assert "Left out, as not all runs have them: faces: 48 of classifier/first." in done.out
    assert fertools("compare").code == 2


def test_people_that_a_run_has_learned_from_end_in_exit_4_or_in_a_warning(fertools: Run, tmp_path: Path) -> None:
    rows = blob_rows(subjects=4)
    workspace = write_blobs(tmp_path, rows)
    for run, fold in (("one", 0), ("two", 1)):
        overrides = ("image_size=32", f"test_folds={fold}")
        train(workspace, "svm", preset="smoke", overrides=overrides, device="cpu", run=run)
    asked = ("compare", "svm/one", "svm/two", "--on", "blobs", "--device", "cpu")
    done = fertools(*asked)
    assert done.code == 4
    assert "svm/one has learned from 3 people of the 4 in the test set (p01, p02, p03)" in done.err
    assert "test on other people with --unseen, or allow it with --allow-leaks" in done.err
    done = fertools(*asked, "--allow-leaks")
    assert done.code == 0
    assert "fertools: warning: svm/one has learned from 3 people" in done.err
    done = fertools(*asked, "--unseen")
    assert done.code == 2
    assert "every person of blobs has a part in the training of a run" in done.err
