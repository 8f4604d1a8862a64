"""`experiment`: a protocol carried out run by run, from whatever state an earlier call left, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.errors import FertoolsError, InputError, Interrupted, ItemsFailed, MachineError, ResumeRefused
from fertools.core.explain import explain
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.training.data.synthetic import count_drawn
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.prediction_metrics import score
from fertools.training.evaluation.predictions import Predictions, join_predictions, read_predictions, write_predictions
from fertools.training.experiments.graph import Task, audit, find_folds, list_tasks, needed_by
from fertools.training.experiments.plan import Experiment, read_experiment
from fertools.training.recipes.recipe import nearest
from fertools.training.reports.report import write_experiment_report
from fertools.training.runs.folder import PREDICTIONS_NAME, RunFolder

Engine = Literal["local", "ray"]
_MOST_POINTS = 150
"""Of a curve in a report, about."""


class Trainer(Protocol):
    """Carries out one run, or finds that it is finished; `fertools.train` is one."""

    def __call__(
        self,
        workspace: Workspace,
        system: str,
        *,
        preset: str | None,
        overrides: Sequence[str],
        device: str,
        run: str,
        report: Reporter,
    ) -> object:
        """Train to the end; predictions lie in the run's folder afterwards."""


Outcome = tuple[Task, FertoolsError | None]
"""A run, and why it failed."""


@dataclass(frozen=True)
class ExperimentResult:
    """How far an experiment is.

    Attributes:
        folder: where its figures are.
        finished: whether every run is done, so that there are figures.
        runs: how many of its runs are tested.
        done: how many of these have their predictions.
        figures: what `evaluation.json` holds; empty until it is finished.
    """

    folder: Path
    finished: bool
    runs: int
    done: int
    figures: dict[str, Any]


def run_experiment(
    workspace: WorkspaceLike,
    name: str,
    *,
    fold: int | None = None,
    step: str | None = None,
    device: str = "auto",
    engine: Engine = "local",
    ray_address: str | None = None,
    report: Reporter | None = None,
    trainer: Trainer | None = None,
) -> ExperimentResult:
    """Carry out an experiment, or a part of it, and compute its figures once all of it is done.

    Args:
        workspace: whose faces; figures go into its `training/experiments/<name>/`, runs to where all runs are.
        name: of the experiment.
        fold: this fold's runs alone, for a job array; None for all.
        step: this step's runs alone; None for all.
        device: as `fertools.train` takes it.
        engine: `local`, one run after another, or `ray`, over a cluster that sees the workspace by the same path.
        ray_address: of the cluster; None for one on this machine.
        report: told of each run, and of progress in it.
        trainer: what carries out a run; None for `fertools.train`.

    Raises:
        InputError: no such experiment, step or fold, or a manifest that is not split as it asks for.
        RecipeError: the experiment's file, or a recipe, is wrong.
        CheckFailed: test faces have a part in training, and the experiment does not say so.
        ItemsFailed: some runs failed; the others are done.
        ResumeRefused: runs of one step were trained on different faces or crops.
        Interrupted: stopped by a signal; what was done is kept.
    """
    workspace = Workspace(workspace)
    report = report or Silent()
    experiment = read_experiment(name, workspace.root)
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    leaks = audit(workspace, experiment, folds, tasks)
    if experiment.leaky:
        report.note(f"this experiment leaks, and says so: {experiment.leaky}")
    chosen = _chosen(experiment, folds, tasks, fold, step)
    outcomes = _carry_out(workspace, chosen, trainer or _train(), device, engine, ray_address, report)
    failed = {task.run: error for task, error in outcomes if error is not None}
    if failed:
        first = next(task for task in tasks if task.run in failed)
        raise ItemsFailed(
            f"{len(failed)} of {len(chosen)} runs of the experiment '{name}' failed, the first: {first.words}: "
            f"{failed[first.run]}"
        )
    folder = experiment_folder(workspace, name)
    tested = [task for task in tasks if task.step.tested]
    missing = [task for task in tested if not _predictions_path(workspace, task).is_file()]
    if missing:
        report.note(f"{len(missing)} of {len(tested)} tested runs are left, the first: {missing[0].words}")
        return ExperimentResult(folder, False, len(tested), len(tested) - len(missing), {})
    figures = _figures(workspace, experiment, folds, tasks, leaks, folder)
    return ExperimentResult(folder, True, len(tested), len(tested), figures)


def experiment_folder(workspace: Workspace, name: str) -> Path:
    """Return where an experiment's figures lie."""
    return workspace.runs("experiments") / name


def _train() -> Trainer:
    # Here and not above, since reading and checking an experiment needs no torch.
    from fertools.training.jobs.train import train

    return train


def _chosen(
    experiment: Experiment, folds: Sequence[int], tasks: Sequence[Task], fold: int | None, step: str | None
) -> list[Task]:
    if fold is not None and fold not in folds:
        raise InputError(f"there is no fold {fold} in '{experiment.name}'; its folds go from {folds[0]} to {folds[-1]}")
    if step is not None and step not in experiment.steps:
        known = ", ".join(experiment.steps)
        raise InputError(f"'{experiment.name}' has no step '{step}'{nearest(step, experiment.steps)}; it has {known}")
    return [
        task
        for task in tasks
        if (fold is None or task.fold in (fold, None)) and (step is None or task.step.name == step)
    ]


def _carry_out(
    workspace: Workspace,
    tasks: Sequence[Task],
    trainer: Trainer,
    device: str,
    engine: Engine,
    ray_address: str | None,
    report: Reporter,
) -> Iterable[Outcome]:
    work = partial(carry_out_one, workspace, trainer=trainer, device=device)
    if engine == "ray":
        from fertools.training.experiments.ray import work as over_ray

        yield from over_ray(tasks, work, device, ray_address, report)
        return
    lost: set[str] = set()
    for number, task in enumerate(tasks):
        report.note(f"run {number + 1} of {len(tasks)}: {task.words} ({task.step.title})")
        if cause := [other.words for other in needed_by(task, tasks) if other.run in lost]:
            error: FertoolsError | None = InputError(f"it needs {cause[0]}, which failed")
        else:
            error = work(task, report=report)
        if error is not None:
            lost.add(task.run)
        yield task, error


def carry_out_one(
    workspace: Workspace, task: Task, *, trainer: Trainer, device: str, report: Reporter
) -> FertoolsError | None:
    """Carry out one run; return the error that is its own, and raise one that would end every other run too."""
    try:
        trainer(
            workspace,
            task.step.system,
            preset=task.step.preset,
            overrides=task.overrides,
            device=device,
            run=task.run,
            report=report,
        )
    except (Interrupted, MachineError):
        raise
    except Exception as error:
        told = explain(error)
        if told is None or isinstance(told, MachineError):
            raise
        return told
    return None


def _predictions_path(workspace: Workspace, task: Task) -> Path:
    return workspace.runs(task.step.system) / task.run / PREDICTIONS_NAME


def _figures(
    workspace: Workspace,
    experiment: Experiment,
    folds: Sequence[int],
    tasks: Sequence[Task],
    leaks: Sequence[str],
    folder: Path,
) -> dict[str, Any]:
    """Put the folds of each tested step together, and write their predictions and every figure."""
    for step in experiment.steps.values():
        _refuse_mixed(workspace, [task for task in tasks if task.step is step])
    whole: dict[str, Predictions] = {}
    for step in experiment.tested:
        parts = [read_predictions(_predictions_path(workspace, task)) for task in tasks if task.step is step]
        whole[step.title] = join_predictions(parts)
        write_predictions(folder / step.name / PREDICTIONS_NAME, whole[step.title])
    runs = {title: score(entry) for title, entry in whole.items()}
    classifying = {title: whole[title] for title in runs if "classification" in runs[title]}
    figures: dict[str, Any] = {
        "experiment": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "about": experiment.about,
        "drawn": _count_drawn(workspace, whole.values()),
        "protocol": {
            "kind": experiment.protocol,
            "folds": list(folds),
            "leaky": experiment.leaky,
            "leaks": list(leaks),
        },
        "steps": [
            {
                "name": step.name,
                "title": step.title,
                "system": step.system,
                "preset": step.preset,
                "settings": dict(step.settings),
                "tested": step.tested,
                "runs": [task.run for task in tasks if task.step is step],
                "trained": _how_trained(workspace, [task for task in tasks if task.step is step]),
                "curves": _curves(workspace, [task for task in tasks if task.step is step]),
            }
            for step in experiment.steps.values()
        ],
        "runs": runs,
        "comparisons": compare_all(classifying) if len(classifying) > 1 else [],
        "reported": [
            {**asdict(row), "ours": experiment.steps[row.step].title if row.step else None}
            for row in experiment.reported
        ],
    }
    files.write_json(folder / "evaluation.json", figures)
    write_experiment_report(folder, figures)
    return figures


def _refuse_mixed(workspace: Workspace, tasks: Sequence[Task]) -> None:
    """Raise unless all runs of a step have seen the same faces and pixels; they may have been made weeks apart.

    Raises:
        ResumeRefused: two of them have not.
    """
    begun: dict[tuple[str, str | None], str] = {}
    for task in tasks:
        if (record := RunFolder(workspace.runs(task.step.system) / task.run).read()) is not None:
            begun.setdefault((record["data"]["fingerprint"], record["data"].get("pixels")), task.run)
    if len(begun) > 1:
        first, second = list(begun.values())[:2]
        raise ResumeRefused(
            f"the runs {first} and {second} were trained on different faces, labels or crops, so that their folds make "
            "no one figure; remove the folders of the older runs and run the experiment again"
        )


def _count_drawn(workspace: Workspace, tested: Iterable[Predictions]) -> int:
    """Return how many of the tested faces are of people who do not exist."""
    names = {name for entry in tested for name in entry.table["face_id"].to_pylist()}
    table = store.read_faces(workspace, ("face_id", "source_id"))
    return count_drawn(workspace, table.filter(pc.is_in(table["face_id"], value_set=pa.array(sorted(names)))))


def _curves(workspace: Workspace, tasks: Sequence[Task]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return the loss and what chose the best state over time, by its name and by run, thinned for a chart."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for task in tasks:
        entries = read_journal(RunFolder(workspace.runs(task.step.system) / task.run).journal_path)
        names = dict.fromkeys(name for entry in entries for name in entry)
        for name in [*(name for name in names if name == "loss"), *[n for n in names if n.startswith("val/")][:1]]:
            points = [(entry["iteration"], entry[name]) for entry in entries if name in entry]
            found.setdefault(name, {})[task.words] = points[:: max(1, len(points) // _MOST_POINTS)]
    return found


def _how_trained(workspace: Workspace, tasks: Sequence[Task]) -> dict[str, Any] | None:
    """Return what a report tells of how a step was trained: the first run's record, less what differs by fold."""
    first = tasks[0]
    record = RunFolder(workspace.runs(first.step.system) / first.run).read()
    if record is None:
        return None
    recipe = {key: entry for key, entry in record["recipe"].items() if key != "test_folds"}
    return {key: record[key] for key in ("system", "source", "iterations", "sessions")} | {"recipe": recipe}
