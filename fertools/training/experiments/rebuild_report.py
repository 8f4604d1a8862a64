"""`report`: write the HTML report of a run or an experiment again, from the files in its folder."""

from __future__ import annotations

import json
from pathlib import Path

from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.training.evaluation.find import EVALUATION_NAME, find_run, name_run
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.experiments.outcome import experiment_folder
from fertools.training.reports.report import write_experiment_report, write_predictions_report, write_report
from fertools.training.runs.folder import PREDICTIONS_NAME, RunFolder


def report_on(workspace: Workspace, name: str) -> Path:
    """Write the report of a run or an experiment and return its path.

    Args:
        workspace: workspace with the run or the experiment.
        name: name of an experiment, `SYSTEM/RUN`, or the path of a folder with predictions.

    Raises:
        InputError: there is no such run or experiment, or it has no results yet.
    """
    experiment = experiment_folder(workspace, name.removeprefix("experiments/"))
    if (experiment / EVALUATION_NAME).is_file():
        # The file may be of another version, and the report reads it in many places. So one handler covers them all.
        with reading(experiment / EVALUATION_NAME, "does not hold what a report shows", "run the experiment again"):
            figures = json.loads((experiment / EVALUATION_NAME).read_bytes())
            return write_experiment_report(experiment, figures)
    run = RunFolder(workspace.root / "training" / name)
    if (record := run.read()) is not None:
        if not record["finished"]:
            raise InputError(f"the run '{name}' is not finished; resume it with the command that started it")
        with reading(run.record_path, "does not hold what a report shows", "restore it, or train the run again"):
            write_report(run, record, workspace)
        return run.report_path
    folder = find_run(workspace, name)
    scores = compute_metrics(read_predictions(folder / PREDICTIONS_NAME))
    return write_predictions_report(folder, name_run(workspace, folder), scores)
