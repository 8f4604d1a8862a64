"""What an experiment's report shows beside its results: generators, analyses and validation metrics, step by step."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import TRANSLATIONS_NAME
from fertools.training.experiments.definition import Experiment
from fertools.training.experiments.domain_shift import DOMAINS_NAME
from fertools.training.experiments.experiment_steps import EvaluateStep, SelectStep, TrainStep
from fertools.training.experiments.graph import Task
from fertools.training.reports.translator_comparison import compare_translators
from fertools.training.runs.folder import RunFolder


def summarise_generators(
    workspace: Workspace,
    experiment: Experiment,
    by_step: Mapping[str, Sequence[Task]],
    measure: Callable[[Path], Metrics] = compute_translation_metrics,
) -> dict[str, Any]:
    """Return the mean metrics of each generator that an `evaluate` step measures, by title; tested or not.

    Runs over pairs of folds are never tested, since each person is held out by several of them. This is where their
    figures come together.

    Args:
        workspace: workspace with the runs.
        experiment: the protocol.
        by_step: tasks by name of the step.
        measure: returns the metrics of a run's generated faces.

    Returns:
        `runs`, their number; `measures`, by name mean and standard deviation over runs; and `dependent`, the judges
        that are not independent.
    """
    found: dict[str, Any] = {}
    for step in experiment.steps.values():
        if not isinstance(step, EvaluateStep):
            continue
        generator = experiment.steps[step.of.strip("{}")]
        folders = [workspace.root / folder for task in by_step[generator.name] for folder in task.folders]
        if not all((folder / TRANSLATIONS_NAME).is_file() for folder in folders):
            continue
        compared = compare_translators({folder.name: measure(folder) for folder in folders})
        lines = list(compared["runs"].values())
        columns = {key: [line[key] for line in lines if line[key] is not None] for key in lines[0]}
        found[generator.title] = {
            "runs": len(lines),
            "measures": {
                key: {"mean": statistics.fmean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}
                for key, values in columns.items()
                if len(values) == len(lines)
            },
            "dependent": compared["dependent"],
        }
    return found


def compare_analyses(
    workspace: Workspace, experiment: Experiment, by_step: Mapping[str, Sequence[Task]]
) -> dict[str, Any]:
    """Return what the systems of tested steps show of held-out faces, and figures of the first two compared steps.

    Args:
        workspace: workspace with the runs.
        experiment: the protocol.
        by_step: tasks by name of the step.

    Returns:
        `numbers`, by title and name the mean over runs; `words`, what each name means; `figures`, by title the points
        and values of the step's first run. All are empty where no system shows anything.

    Raises:
        InputError: a file of a run is damaged.
    """
    first = experiment.compared[:1]
    drawn = {name for entry in first for name in (entry.second, entry.first)}
    numbers: dict[str, dict[str, float]] = {}
    words: dict[str, str] = {}
    figures: dict[str, Any] = {}
    for step in experiment.tested:
        if not isinstance(step, TrainStep):
            continue
        paths = [RunFolder(workspace.root / task.folders[0]).analysis_path for task in by_step[step.name]]
        analyses = []
        for path in filter(lambda path: path.is_file(), paths):
            with reading(path, "is no analysis of a run", "train the run again"):
                analyses.append(json.loads(path.read_bytes()))
        if not analyses:
            continue
        numbers[step.title] = {
            name: statistics.fmean(entry["numbers"][name] for entry in analyses if name in entry["numbers"])
            for name in analyses[0]["numbers"]
        }
        words |= analyses[0]["words"]
        if step.name in drawn:
            figures[step.title] = {kind: analyses[0][kind] for kind in ("points", "values")}
    return {"numbers": numbers, "words": words, "figures": figures}


def compare_domains(
    workspace: Workspace, experiment: Experiment, by_step: Mapping[str, Sequence[Task]]
) -> dict[str, Any]:
    """Return how far generated faces and their originals are from the target, for each selection that measures it.

    Args:
        workspace: workspace with the selections.
        experiment: the protocol.
        by_step: tasks by name of the step.

    Returns:
        By title of the step: `numbers`, their means over its selections; `points` and `words` of the first one.

    Raises:
        InputError: a file of a selection is damaged.
    """
    found: dict[str, Any] = {}
    for step in experiment.steps.values():
        if not isinstance(step, SelectStep):
            continue
        entries = []
        for path in (workspace.root / task.folders[0] / DOMAINS_NAME for task in by_step[step.name]):
            if path.is_file():
                with reading(path, "is no file of distances", "remove it and the file of its step in done/"):
                    entries.append(json.loads(path.read_bytes()))
        if entries:
            names = entries[0]["numbers"]
            means = {name: statistics.fmean(entry["numbers"][name] for entry in entries) for name in names}
            found[step.title] = {**{key: entries[0][key] for key in ("points", "words")}, "numbers": means}
    return found


def summarise_validation(workspace: Workspace, tasks: Sequence[Task]) -> dict[str, Any] | None:
    """Return the best validation metric of each run of a step, as its journal has it; None without validation.

    Args:
        workspace: workspace with the runs.
        tasks: of the step.
    """
    values, metric = [], ""
    for task in tasks:
        entries: Sequence[Mapping[str, float]] = read_journal(RunFolder(workspace.root / task.folders[0]).journal_path)
        names = [name for entry in entries for name in entry if name.startswith("val/")]
        if not names:
            return None
        metric = names[0]
        values.append(max(entry[metric] for entry in entries if metric in entry))
    return {"metric": metric.removeprefix("val/"), "values": values}
