"""`fertools report`: pages made anew from what lies in a folder."""

from __future__ import annotations

import json
from pathlib import Path

from fertools.training.evaluation.predictions import write_predictions
from fertools.training.experiments.execution import run_experiment
from tests.cli.conftest import Run
from tests.training.blobs import write_blobs
from tests.training.experiments.protocols import Guesser, write_experiment
from tests.training.guesses import invent


def test_predictions_from_elsewhere(fertools: Run, tmp_path: Path) -> None:
    folder = tmp_path / "training/mine/first"
    write_predictions(folder / "predictions.parquet", invent())
    done = fertools("report", "mine/first", "--json")
    assert done.code == 0
    path = Path(json.loads(done.out)["report"])
    assert path == folder / "report.html"
    assert "mine/first" in path.read_text()


def test_an_experiment_by_its_name(fertools: Run, tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    write_experiment(tmp_path)
    result = run_experiment(workspace, "two", trainer=Guesser())
    page = result.folder / "report.html"
    first = page.read_text()
    page.unlink()
    assert fertools("report", "two").code == 0
    assert page.read_text() == first
    # One step of it alone.
    assert fertools("report", "experiments/two/tuned").code == 0


def test_what_is_not_there_is_said(fertools: Run, tmp_path: Path) -> None:
    write_predictions(tmp_path / "training/mine/first/predictions.parquet", invent())
    done = fertools("report", "mine/frist")
    assert done.code == 2
    assert "did you mean 'mine/first'" in done.err
