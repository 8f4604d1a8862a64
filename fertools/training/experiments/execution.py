"""`experiment`: carry out a protocol task by task, and continue from what an earlier call has done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fertools.core.arguments import given
from fertools.core.errors import CheckFailed, FertoolsError, InputError, Interrupted, InUse, ItemsFailed, MachineError
from fertools.core.explain import explain
from fertools.core.locking import waiting
from fertools.core.progress import Reporter, Silent
from fertools.core.spelling import nearest
from fertools.core.spreading import Engine, check_engine
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.evaluation.evaluation_results import Evaluation
from fertools.training.experiments.audit import audit
from fertools.training.experiments.definition import Experiment, read_experiment
from fertools.training.experiments.graph import Task, describe_budget, find_folds, list_tasks, needed_by
from fertools.training.experiments.outcome import evaluate_experiment, experiment_folder, has_results
from fertools.training.experiments.shared_classes import refuse_differing_classes
from fertools.training.experiments.work import Trainer, carry_out

Outcome = tuple[Task, FertoolsError | None]
"""A task, and the error that it failed with."""


@dataclass(frozen=True)
class ExperimentResult:
    """The state of an experiment.

    Attributes:
        folder: folder of its results.
        runs: number of tested tasks.
        done: number of tested tasks with results.
        evaluation: metrics of the tested steps, once all tasks are done; None before. Predictions are named by the
            title of their step, translations by their task, and leaks by the experiment.
    """

    folder: Path
    runs: int
    done: int
    evaluation: Evaluation | None

    @property
    def finished(self) -> bool:
        """Whether every tested task is done, so that there is an evaluation."""
        return self.evaluation is not None


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
        workspace: workspace with the faces. Results go into its `training/experiments/<name>/`. Training runs go to
            the same place as all runs.
        name: name of the experiment.
        protocol: one of the experiment's protocols; None for the first of them.
        preset: one of the experiment's presets, such as `smoke`; None to leave its steps unchanged.
        fold: run only the tasks of this fold, for a job array; None for all.
        step: run only the tasks of this step; None for all.
        device: device of the training; see `fertools.train`.
        engine: `local` for one task after another; `ray` for a cluster. All machines of a cluster have to see the
            workspace under one path.
        ray_address: address of the cluster; None for one on this machine.
        report: reporter of each task and its progress.
        trainer: carries out a training run; None for `fertools.train`.

    Raises:
        InputError: there is no such experiment, step or fold, or the manifest is not split as the protocol requires.
        RecipeError: the experiment's file, or a recipe, is wrong.
        CheckFailed: test people take part in training, and the experiment does not declare it.
        ItemsFailed: some tasks failed; the others are done.
        ResumeRefused: runs of one step were trained on different faces or crops.
        Interrupted: a signal stopped the experiment; finished work is kept.
    """
    workspace = Workspace(workspace)
    report = report or Silent()
    experiment = read_experiment(name, workspace.root, protocol=protocol, preset=preset)
    check_engine(engine, ray_address)
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
        # An experiment has no argument `resume`: it begins a run again if the run's folder is gone.
        reason = failed[first.run].message.replace(given("resume", False), f"{' and '.join(first.folders)} removed")
        raise kind(
            f"{len(failed)} of {len(chosen)} runs of the experiment '{name}' failed, the first: {first.words}: {reason}"
        )
    folder = experiment_folder(workspace, experiment.name)
    tested = [task for task in tasks if task.step.tested]
    missing = [task for task in tested if not has_results(workspace, experiment, task)]
    if missing:
        report.note(f"{len(missing)} of {len(tested)} tested runs are left, the first: {missing[0].words}")
        return ExperimentResult(folder, len(tested), len(tested) - len(missing), None)
    figures = evaluate_experiment(workspace, experiment, folds, tasks, leaks)
    return ExperimentResult(folder, len(tested), len(tested), Evaluation.of_experiment(figures))


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
    later: list[Task] = []
    for number, task in enumerate(tasks):
        report.note(f"run {number + 1} of {len(tasks)}: {task.words} ({task.step.title})")
        if any(other in later for other in needed_by(task, tasks)):
            later.append(task)
            continue
        error = _unless_lost(attempt, task, tasks, lost, report)
        if isinstance(error, InUse):
            # Two processes share an experiment: each takes the runs that the other does not work at.
            report.note(f"{task.words}: another command works at it, so it comes last")
            later.append(task)
            continue
        yield task, error
    with waiting():
        for task in later:
            yield task, _unless_lost(attempt, task, tasks, lost, report)


def _unless_lost(
    attempt: partial[FertoolsError | None], task: Task, tasks: Sequence[Task], lost: set[str], report: Reporter
) -> FertoolsError | None:
    """Carry out one task, unless a task that it needs is lost. Add it to the lost ones if it fails."""
    if cause := [other.words for other in needed_by(task, tasks) if other.run in lost]:
        error: FertoolsError | None = InputError(f"it needs {cause[0]}, which failed")
    else:
        error = attempt(task, report=report)
    if error is not None and not isinstance(error, InUse):
        lost.add(task.run)
    return error


def carry_out_one(task: Task, *, work: partial[None], report: Reporter) -> FertoolsError | None:
    """Carry out one task. Return an error of this task alone; raise an error that would end every other task too."""
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
