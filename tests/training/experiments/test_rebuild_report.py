"""`fertools report`: the page about a run, an experiment, or predictions from elsewhere, made anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.evaluation.predictions import read_predictions, write_predictions
from fertools.training.experiments.execution import run_experiment
from fertools.training.experiments.rebuild_report import report_on
from fertools.training.jobs.train import train
from fertools.training.runs.folder import PREDICTIONS_NAME
from tests.training.blobs import write_blobs
from tests.training.experiments.protocols import Guesser, write_experiment
from tests.training.guesses import invent


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace with a finished run of a baseline, and nothing else."""
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    train(workspace, "svm", preset="smoke", device="cpu")
    return workspace


def test_a_run_that_predicts_has_its_results_its_choices_and_its_methods(workspace: Workspace) -> None:
    path = report_on(workspace, "svm/smoke")
    trained_with = path.read_bytes()
    path.unlink()
    assert report_on(workspace, "svm/smoke").read_bytes() == trained_with
    page = path.read_text(encoding="utf-8")
    for words in (
        "Results on held-out people",
        "always the majority",
        "ROC curves",
        "Choices not fixed by the paper",
        "distance of the eight neighbours",
        "The model is a linear support vector machine",
        "7 faces of 1 other subject were held out",
    ):
        assert words in page, words
    # It has no iterations, and no paper's count of parameters to stand beside.
    assert "<h2>Losses</h2>" not in page
    assert "in the paper" not in page


def test_a_loss_of_one_term_is_drawn_once(workspace: Workspace) -> None:
    train(workspace, "classifier", preset="smoke", overrides=["val_share=0"], device="cpu")
    page = report_on(workspace, "classifier/smoke").read_text(encoding="utf-8")
    assert page.count("<code>loss_emotion</code>") == 1
    assert "<code>loss</code>" not in page
    train(workspace, "classifier", preset="smoke", overrides=["val_share=0", "task=emotion+va"], device="cpu", run="va")
    assert "<code>loss</code>" in report_on(workspace, "classifier/va").read_text(encoding="utf-8")


def test_an_experiment_by_its_name(workspace: Workspace) -> None:
    write_experiment(workspace.root)
    run_experiment(workspace, "two", trainer=Guesser())
    path = workspace.root / "training" / "experiments" / "two" / "report.html"
    path.unlink()
    assert report_on(workspace, "two") == path
    assert "Two methods" in path.read_text(encoding="utf-8")


def test_predictions_of_which_nothing_else_is_known(workspace: Workspace, tmp_path: Path) -> None:
    write_predictions(tmp_path / PREDICTIONS_NAME, invent())
    page = report_on(workspace, str(tmp_path)).read_text(encoding="utf-8")
    assert "subject-independent 4-fold cross-validation" in page
    assert "Choices not fixed" not in page


def test_a_run_that_is_not_finished_has_no_page_yet(workspace: Workspace) -> None:
    folder = workspace.runs("svm") / "smoke"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    begun = workspace.runs("svm") / "begun"
    begun.mkdir()
    (begun / "run.json").write_text(json.dumps(record | {"finished": False}), encoding="utf-8")
    with pytest.raises(InputError, match="'svm/begun' is not finished"):
        report_on(workspace, "svm/begun")


def test_held_out_faces_without_any_label_leave_a_page_without_results(workspace: Workspace) -> None:
    path = workspace.runs("svm") / "smoke" / PREDICTIONS_NAME
    kept = path.read_bytes()
    found = read_predictions(path)
    nothing = pa.nulls(len(found.table), found.table.schema.field("emotion").type)
    index = found.table.schema.get_field_index("emotion")
    write_predictions(path, replace(found, table=found.table.set_column(index, "emotion", nothing)))
    try:
        page = report_on(workspace, "svm/smoke").read_text(encoding="utf-8")
    finally:
        path.write_bytes(kept)
    assert "Results on held-out people" not in page
    assert "7 faces of 1 other subject were held out" in page
