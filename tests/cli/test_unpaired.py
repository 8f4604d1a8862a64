"""Unpaired recognition by the command line: train, go on, evaluate and report."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.training.drawn_pairs import write_drawn_pairs

RUN = "unpaired/smoke"
TRAIN = ("train", "unpaired", "--preset", "smoke", "--device", "cpu")


def test_train_evaluate_and_report(fertools: Run, tmp_path: Path) -> None:
    write_drawn_pairs(tmp_path, people=5)
    trained = fertools(*TRAIN, "--json")
    assert trained.code == 0, trained.err
    found = json.loads(trained.out)
    assert (found["iterations"], found["of these now"], found["held-out faces"]) == (4, 4, 7)
    again = fertools(*TRAIN, "--json")
    assert json.loads(again.out) == found | {"of these now": 0}, "it is finished"

    evaluated = fertools("evaluate", RUN, "--json")
    assert evaluated.code == 0, evaluated.err
    assert RUN in evaluated.out
    page = tmp_path / "training" / RUN / "report.html"
    page.unlink()
    reported = fertools("report", RUN)
    assert reported.code == 0, reported.err
    assert page.is_file()


def test_too_few_people_are_refused_with_what_to_do(fertools: Run, tmp_path: Path) -> None:
    write_drawn_pairs(tmp_path, people=2)
    ended = fertools(*TRAIN)
    assert (ended.code, ended.err.count("fertools: ")) == (2, 1)
    assert "have 1 subject, too few to divide among 2 domains; add more" in ended.err
    assert not (tmp_path / "training" / "unpaired").exists()
    for name in ("unpaired", "et-cyclegan"):
        planned = fertools("experiment", name, "--preset", "smoke", "--dry-run")
        assert planned.code == 2
        assert "goes over 3 folds, and" in planned.err
        assert "has 2; run `fertools split --folds 3" in planned.err


def test_what_is_wrong_is_said_in_one_sentence(fertools: Run, tmp_path: Path) -> None:
    write_drawn_pairs(tmp_path, people=5)
    for settings, words in (
        (("label_align=identity", "thermal_classes=fear,anger"), "the classes of the two domains differ"),
        (("thermal_modality=nir",), "no kept nir faces"),
        (("paired=wang",), "leaves no pair to learn from"),
    ):
        ended = fertools(*TRAIN, *(part for setting in settings for part in ("--set", setting)))
        assert ended.code == 2
        assert words in ended.err
        assert not (tmp_path / "training" / "unpaired").exists()
