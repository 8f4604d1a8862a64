"""The evaluation of an experiment: the results of its tested steps combined over folds and repeats."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.training.data.synthetic import count_drawn_named
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.find import EVALUATION_NAME
from fertools.training.evaluation.model_comparison import Pair, compare_all
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.evaluation.predictions import Predictions, join_predictions, read_predictions, write_predictions
from fertools.training.evaluation.repeats import score_repeats
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import TRANSLATIONS_NAME, read_translations
from fertools.training.experiments.beside_results import (
    compare_analyses,
    compare_domains,
    summarise_generators,
    summarise_validation,
)
from fertools.training.experiments.definition import Experiment
from fertools.training.experiments.experiment_steps import Step, TrainStep
from fertools.training.experiments.graph import Task
from fertools.training.experiments.work import done_path
from fertools.training.reports.report import write_experiment_report
from fertools.training.reports.translator_comparison import compare_translators
from fertools.training.runs.folder import PREDICTIONS_NAME, RunFolder
from fertools.training.runs.recorded_pixels import find_differing

_OTHERS = ("iteration", "lr/", "gradient/", "val/")
"""Prefixes of the names of logged values that are not losses."""
_MOST_POINTS = 150
"""Approximate number of points of a curve in a report."""


def experiment_folder(workspace: Workspace, name: str) -> Path:
    """Return the folder of the results of an experiment."""
    return workspace.runs("experiments") / name


def has_results(workspace: Workspace, experiment: Experiment, task: Task) -> bool:
    """Return whether a tested task is done.

    Raises:
        InputError: it is done, but has neither predictions nor generated faces to test.
    """
    folders = [workspace.root / folder for folder in task.folders]
    if isinstance(task.step, TrainStep):
        record = RunFolder(folders[0]).read()
        finished = record is None or record["finished"]
    else:
        finished = done_path(workspace, experiment.name, task).is_file()
    found = all(any((folder / name).is_file() for name in (PREDICTIONS_NAME, TRANSLATIONS_NAME)) for folder in folders)
    if finished and not found and any(folder.is_dir() and RunFolder(folder).read() for folder in folders):
        raise InputError(
            f"{task.words} is tested, and {folders[0]} holds neither predictions nor generated faces; restore them, or "
            "remove that folder to carry the step out again"
        )
    return bool(finished) and found


def evaluate_experiment(
    workspace: Workspace, experiment: Experiment, folds: Sequence[int], tasks: Sequence[Task], leaks: Sequence[str]
) -> dict[str, Any]:
    """Join the results of each tested step, and write its predictions, all metrics and the report.

    Args:
        workspace: workspace with the runs.
        experiment: the protocol.
        folds: all folds.
        tasks: all tasks; every tested task is done.
        leaks: sentences of the audit.

    Returns:
        The content of `evaluation.json`. `runs` has the metrics of predictions by title of the step. `translations` has
        the metrics of generated faces. `generators` and `analyses` are what `beside_results` returns.

    Raises:
        ResumeRefused: runs of one step were trained on different faces or crops.
    """
    folder = experiment_folder(workspace, experiment.name)
    by_step = {name: [task for task in tasks if task.step.name == name] for name in experiment.steps}
    for name, found in by_step.items():
        if isinstance(experiment.steps[name], TrainStep):
            for seed in dict.fromkeys(task.split_seed for task in found):
                # Repeats with other folds have other rows of the same faces.
                _refuse_mixed(workspace, [task for task in found if task.split_seed == seed])
    # Tables of results and of generators need the same metrics.
    measure = functools.cache(compute_translation_metrics)
    predictions: dict[str, list[Predictions]] = {}
    translations: dict[str, dict[str, Any]] = {}
    parents: set[str] = set()
    for step in experiment.tested:
        for title, part in _by_repeat(step, by_step[step.name]).items():
            if joined := _joined(workspace, part):
                predictions.setdefault(step.title, []).append(joined)
                write_predictions(folder / _folder_name(step, part) / PREDICTIONS_NAME, joined)
            for name, words in _controls(workspace, part).items():
                if joined := _joined(workspace, part, name):
                    predictions.setdefault(f"{step.title}, {words}", []).append(joined)
                    write_predictions(folder / f"{_folder_name(step, part)}.{name}" / PREDICTIONS_NAME, joined)
            if generated := _generated(workspace, part, parents, measure):
                translations[title] = generated
    runs = {title: score_repeats(entry) for title, entry in predictions.items()}
    for repeats in predictions.values():
        parents.update(name for entry in repeats for name in entry.table["face_id"].to_pylist())
    compared = {title: entry for title, entry in predictions.items() if _classifies(runs[title])}
    pairs = _declared_pairs(experiment, compared)
    evaluation: dict[str, Any] = {
        "experiment": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "about": experiment.about,
        "variant": experiment.variant,
        "drawn": count_drawn_named(workspace, parents),
        "tested": len(parents),
        "protocol": {
            "kind": experiment.protocol,
            "folds": list(folds),
            "repeats": experiment.repeats,
            "new_folds": experiment.new_folds,
            "leaky": experiment.leaky,
            "leaks": list(leaks),
        },
        "steps": [_describe(workspace, step, by_step[step.name]) for step in experiment.steps.values()],
        "runs": runs,
        "translations": translations,
        "generators": summarise_generators(workspace, experiment, by_step, measure),
        "analyses": compare_analyses(workspace, experiment, by_step),
        "domains": compare_domains(workspace, experiment, by_step),
        "comparisons": compare_all(compared, pairs) if len(compared) > 1 else [],
        "reported": [
            {**asdict(row), "ours": experiment.steps[row.step].title if row.step else None}
            for row in experiment.reported
        ],
    }
    files.write_json(folder / EVALUATION_NAME, evaluation)
    write_experiment_report(folder, evaluation)
    return evaluation


def _classifies(scores: Metrics) -> bool:
    return "classification" in scores


def _by_repeat(step: Step, tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """Return the tasks of each repeat, by their name in tables."""
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(step.title if task.repeat is None else f"{step.title}, repeat {task.repeat}", []).append(task)
    return found


def _declared_pairs(experiment: Experiment, compared: Collection[str]) -> list[Pair] | None:
    """Return the comparisons that the experiment declares, by title; None if it declares none."""
    pairs = [
        (experiment.steps[entry.first].title, experiment.steps[entry.second].title, entry.classes)
        for entry in experiment.compared
    ]
    return [pair for pair in pairs if pair[0] in compared and pair[1] in compared] if pairs else None


def _folder_name(step: Step, tasks: Sequence[Task]) -> str:
    return step.name if tasks[0].repeat is None else f"{step.name}.repeat-{tasks[0].repeat}"


def _controls(workspace: Workspace, tasks: Sequence[Task]) -> dict[str, str]:
    """Return what the system's controls change, by name; see `fertools.training.systems.base.System.controls`."""
    record = RunFolder(workspace.root / tasks[0].folders[0]).read()
    found = (record or {}).get("results", {}).get("controls", {})
    return {name: entry["words"] for name, entry in found.items()}


def _joined(workspace: Workspace, tasks: Sequence[Task], control: str = "") -> Predictions | None:
    """Return the predictions of all folds, or those of a control; None if the step predicts nothing."""
    folders = [RunFolder(workspace.root / folder) for task in tasks for folder in task.folders]
    paths = [folder.predictions_path("test", control) for folder in folders]
    if not isinstance(tasks[0].step, TrainStep) or not all(path.is_file() for path in paths):
        return None
    return join_predictions([read_predictions(path) for path in paths])


def _generated(
    workspace: Workspace, tasks: Sequence[Task], parents: set[str], measure: Callable[[Path], Metrics]
) -> dict[str, Any] | None:
    """Return the metrics of the faces that each run of a step generated, and their means over folds.

    Args:
        workspace: workspace with the runs.
        tasks: tasks of one step and repeat.
        parents: set to which the `face_id` of the translated faces are added.
        measure: returns the metrics of a run's generated faces.
    """
    folders = {task.words: folder for task in tasks for folder in task.folders}
    if not all((workspace.root / folder / TRANSLATIONS_NAME).is_file() for folder in folders.values()):
        return None
    runs = {words: measure(workspace.root / folder) for words, folder in folders.items()}
    for folder in folders.values():
        parents.update(read_translations(workspace.root / folder)["parent_id"].to_pylist())
    return {"runs": runs, "side_by_side": compare_translators(runs)}


def _describe(workspace: Workspace, step: Step, tasks: Sequence[Task]) -> dict[str, Any]:
    """Return the description of a step for a report."""
    trained = isinstance(step, TrainStep)
    return {
        "name": step.name,
        "title": step.title,
        "kind": step.kind,
        "over": list(step.over),
        "needs": list(step.needs),
        "tested": step.tested,
        "system": step.system if isinstance(step, TrainStep) else None,
        "preset": step.preset if isinstance(step, TrainStep) else None,
        "settings": dict(step.settings) if isinstance(step, TrainStep) else {},
        "runs": [task.run for task in tasks],
        "trained": _how_trained(workspace, tasks[0]) if trained else None,
        "validation": summarise_validation(workspace, tasks) if trained else None,
        "curves": _curves(workspace, tasks) if trained else {},
    }


def _refuse_mixed(workspace: Workspace, tasks: Sequence[Task]) -> None:
    """Raise unless all runs of a step have seen the same real faces and pixels, because runs may be weeks apart.

    Raises:
        ResumeRefused: two of them have seen different ones.
    """
    begun: dict[str, str] = {}
    for task in tasks:
        if (record := RunFolder(workspace.root / task.folders[0]).read()) is not None:
            begun.setdefault(record.get("lineage", {}).get("real_faces", ""), task.run)
    if len(begun) > 1:
        mixed = list(begun.values())[:2]
    else:
        found = find_differing(RunFolder(workspace.root / task.folders[0]) for task in tasks)
        mixed = [folder.root.name for folder in found or ()]
    if mixed:
        first, second = mixed
        raise ResumeRefused(
            f"the runs {first} and {second} were trained on different faces, labels or crops, so their folds cannot be "
            "joined; remove the folders of the older runs and run the experiment again"
        )


def _curves(workspace: Workspace, tasks: Sequence[Task]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return the loss or its terms, and the metric that selects the checkpoint, by name and run."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for task in tasks:
        entries: Sequence[Mapping[str, float]] = read_journal(RunFolder(workspace.root / task.folders[0]).journal_path)
        names = dict.fromkeys(name for entry in entries for name in entry)
        criterion = [name for name in names if name.startswith("val/")][:1]
        losses = [name for name in names if name == "loss"] or [name for name in names if not name.startswith(_OTHERS)]
        for name in [*losses, *criterion]:
            points = [(entry["iteration"], entry[name]) for entry in entries if name in entry]
            found.setdefault(name, {})[task.words] = points[:: max(1, len(points) // _MOST_POINTS)]
    return found


def _how_trained(workspace: Workspace, task: Task) -> dict[str, Any] | None:
    """Return how a step was trained, for a report: the record of a run without the values that differ between folds."""
    record = RunFolder(workspace.root / task.folders[0]).read()
    if record is None:
        return None
    recipe = {key: entry for key, entry in record["recipe"].items() if key != "test_folds"}
    return {key: record[key] for key in ("system", "source", "iterations", "sessions")} | {"recipe": recipe}
