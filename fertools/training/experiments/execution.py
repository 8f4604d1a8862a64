"""`experiment`: a protocol carried out task by task, from whatever state an earlier call left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fertools.core.errors import CheckFailed, FertoolsError, InputError, Interrupted, ItemsFailed, MachineError
from fertools.core.explain import explain
from fertools.core.progress import Reporter, Silent
from fertools.core.spelling import nearest
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.evaluation.evaluation_results import PredictionMetrics, RunComparison, TranslationMetrics
from fertools.training.experiments.audit import audit
from fertools.training.experiments.definition import Experiment, read_experiment
from fertools.training.experiments.graph import Task, describe_budget, find_folds, list_tasks, needed_by
from fertools.training.experiments.outcome import evaluate_experiment, experiment_folder, has_results
from fertools.training.experiments.shared_classes import refuse_differing_classes
from fertools.training.experiments.work import Trainer, carry_out

Engine = Literal["local", "ray"]
Outcome = tuple[Task, FertoolsError | None]
"""A task, and why it failed."""


@dataclass(frozen=True)
class ExperimentResult:
    """How far an experiment is.

    Attributes:
        folder: where its results are.
        finished: whether every tested task is done, so that there is an evaluation.
        runs: how many of its tasks are tested.
        done: how many of these have their results.
        evaluation: the content of `evaluation.json`; empty until the experiment is finished.
    """

    folder: Path
    finished: bool
    runs: int
    done: int
    evaluation: dict[str, Any]

    @property
    def predictions(self) -> Mapping[str, PredictionMetrics]:
        """Metrics of the tested steps that predict, all folds joined, by the title of the step."""
        return {title: PredictionMetrics.of(scores) for title, scores in self.evaluation.get("runs", {}).items()}

    @property
    def translations(self) -> Mapping[str, Mapping[str, TranslationMetrics]]:
        """Metrics of the tested steps that generate faces, by the title of the step and by run."""
        return {
            title: {run: TranslationMetrics.of(scores) for run, scores in entry["runs"].items()}
            for title, entry in self.evaluation.get("translations", {}).items()
        }

    @property
    def comparisons(self) -> tuple[RunComparison, ...]:
        """How every two of the steps that classify differ."""
        return tuple(RunComparison.of(entry) for entry in self.evaluation.get("comparisons", []))


def run_experiment(
    workspace: WorkspaceLike,
    name: str,
    *,
    protocol: str | None = None,
    preset: str | None = None,
    fold: int | None = None,
    step: str | None = None,
    device: str = "auto",
    engine: Engine = "local",
    ray_address: str | None = None,
    report: Reporter | None = None,
    trainer: Trainer | None = None,
) -> ExperimentResult:
    """Carry out an experiment, or a part of it, and evaluate it once all of it is done.

    Args:
        workspace: whose faces to use; results go into its `training/experiments/<name>/`, training runs to where all
            runs are.
        name: name of the experiment.
        protocol: one of the protocols that the experiment names; None for the first of them.
        preset: one of the presets that the experiment names, such as `smoke`; None for its steps as they are written.
        fold: run only the tasks of this fold, for a job array; None for all.
        step: run only the tasks of this step; None for all.
        device: as `fertools.train` takes it.
        engine: `local`, one task after another, or `ray`, over a cluster that sees the workspace by the same path.
        ray_address: address of the cluster; None for one on this machine.
        report: shows each task and its progress.
        trainer: carries out a training run; None for `fertools.train`.

    Raises:
        InputError: no such experiment, step or fold, or a manifest that is not split as the protocol asks for.
        RecipeError: the experiment's file, or a recipe, is wrong.
        CheckFailed: test people have a part in training, and the experiment does not declare it.
        ItemsFailed: some tasks failed; the others are done.
        ResumeRefused: runs of one step were trained on different faces or crops.
        Interrupted: stopped by a signal; what was done is kept.
    """
    workspace = Workspace(workspace)
    report = report or Silent()
    experiment = read_experiment(name, workspace.root, protocol=protocol, preset=preset)
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    refuse_differing_classes(workspace, tasks)
    leaks = audit(workspace, experiment, folds, tasks)
    if experiment.leaky:
        report.note(f"this protocol leaks, as its file declares: {experiment.leaky}")
    chosen = _chosen(experiment, folds, tasks, fold, step)
    report.note(f"{experiment.name}: {describe_budget(workspace, chosen)}")
    work = partial(
        carry_out,
        workspace,
        experiment=experiment.name,
        trainer=trainer,
        device=device,
        allow_leaks=bool(experiment.leaky),
    )
    failed = {
        task.run: error
        for task, error in _carry_out_all(chosen, work, device, engine, ray_address, report)
        if error is not None
    }
    if failed:
        first = next(task for task in tasks if task.run in failed)
        kind = CheckFailed if isinstance(failed[first.run], CheckFailed) else ItemsFailed
        raise kind(
            f"{len(failed)} of {len(chosen)} runs of the experiment '{name}' failed, the first: {first.words}: "
            f"{failed[first.run].message}"
        )
    folder = experiment_folder(workspace, experiment.name)
    tested = [task for task in tasks if task.step.tested]
    missing = [task for task in tested if not has_results(workspace, experiment, task)]
    if missing:
        report.note(f"{len(missing)} of {len(tested)} tested runs are left, the first: {missing[0].words}")
        return ExperimentResult(folder, False, len(tested), len(tested) - len(missing), {})
    evaluation = evaluate_experiment(workspace, experiment, folds, tasks, leaks)
    return ExperimentResult(folder, True, len(tested), len(tested), evaluation)


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
        if (fold is None or not task.folds or fold in task.folds) and (step is None or task.step.name == step)
    ]


def _carry_out_all(
    tasks: Sequence[Task],
    work: partial[None],
    device: str,
    engine: Engine,
    ray_address: str | None,
    report: Reporter,
) -> Iterable[Outcome]:
    attempt = partial(carry_out_one, work=work)
    if engine == "ray":
        from fertools.training.experiments.ray import work as over_ray

        yield from over_ray(tasks, attempt, device, ray_address, report)
        return
    lost: set[str] = set()
    for number, task in enumerate(tasks):
        report.note(f"run {number + 1} of {len(tasks)}: {task.words} ({task.step.title})")
        if cause := [other.words for other in needed_by(task, tasks) if other.run in lost]:
            error: FertoolsError | None = InputError(f"it needs {cause[0]}, which failed")
        else:
            error = attempt(task, report=report)
        if error is not None:
            lost.add(task.run)
        yield task, error


def carry_out_one(task: Task, *, work: partial[None], report: Reporter) -> FertoolsError | None:
    """Carry out one task; return the error that is its own, and raise one that would end every other task too."""
    try:
        work(task=task, report=report)
    except (Interrupted, MachineError):
        raise
    except Exception as error:
        explained = explain(error)
        if explained is None or isinstance(explained, MachineError):
            raise
        return explained
    return None
