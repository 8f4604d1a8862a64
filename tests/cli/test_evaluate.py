"""`fertools evaluate`: one run whole, several side by side, and what cannot be evaluated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fertools.training.evaluation.predictions import write_predictions
from tests.cli.conftest import Run
from tests.training.evaluation.trained_runs import train_both
from tests.training.guesses import invent


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_predictions(tmp_path / "training/classifier/first/predictions.parquet", invent(skill=3, va=True))
    write_predictions(tmp_path / "training/classifier/second/predictions.parquet", invent(skill=0.5, seed=1))
    return tmp_path


def test_one_run_with_its_classes_folds_and_guesses(fertools: Run, runs: Path) -> None:
    done = fertools("evaluate", "classifier/first")
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


def test_several_are_shown_side_by_side_in_the_form_asked_for(fertools: Run, runs: Path) -> None:
    path = runs / "training/classifier/second/predictions.parquet"
    done = fertools("evaluate", "classifier/first", path, "--format", "markdown")
    assert done.code == 0
    assert "| classifier/first |" in done.out
    assert "| classifier/second |" in done.out
    assert "Confusion" not in done.out
    assert r"\begin{tabular}" in fertools("evaluate", "classifier/first", "--format", "latex").out


def test_json_holds_every_figure(fertools: Run, runs: Path) -> None:
    done = fertools("evaluate", "classifier/first", "classifier/second", "--json")
    found = json.loads(done.out)
    assert list(found["runs"]) == ["classifier/first", "classifier/second"]
    assert found["runs"]["classifier/first"]["classification"]["measures"]["accuracy"]["pooled"] > 0.5
    assert found["translators"] is None


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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_both(tmp_path_factory.mktemp("made")).root


@pytest.fixture
def translator(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)


@pytest.mark.usefixtures("translator")
def test_a_run_that_makes_faces_is_judged_and_stays_so(fertools: Run) -> None:
    done = fertools("evaluate", "stargan/smoke")
    assert done.code == 0
    assert "stargan/smoke: Reconstruction" in done.out
    assert "fertools evaluate stargan/smoke --features inception-fid" in done.out
    done = fertools("evaluate", "stargan/smoke", "--judge", "classifier/smoke", "--device", "cpu")
    assert done.code == 0
    assert "Expressions predicted by classifier/smoke" in done.out
    again = fertools("evaluate", "stargan/smoke")
    assert again.out == done.out, "what the judge said was kept"
    both = fertools("evaluate", "stargan/smoke", "classifier/smoke", "--json")
    assert json.loads(both.out)["translators"] is None
    found = json.loads(both.out)["runs"]
    judged = found["stargan/smoke"]["translation"]["judges"]["classifier/smoke"]
    assert judged["generated"]["classification"]["faces"] == 28
    assert found["classifier/smoke"]["classification"]["faces"] == 14


@pytest.mark.usefixtures("translator")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stargan/smok"], "did you mean 'stargan/smoke'"),
        (["classifier/smoke", "--judge", "classifier/smoke"], "generates no faces to evaluate"),
        (["stargan/smoke", "--judge", "classifier/none"], "there is no run 'classifier/none'"),
        (["stargan/smoke", "--judge", "stargan/smoke"], "is not a classifier network"),
        (["stargan/smoke", "--features", "nothing.pth"], "`fertools weights` lists the names"),
        (["stargan/smoke", "--identity", "facenet-vggface2"], "are not on this machine; download"),
        (["stargan/smoke", "--gan-train"], "name one with --judge"),
    ],
)
def test_networks_that_are_missing_are_named(
    fertools: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    done = fertools("evaluate", *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
