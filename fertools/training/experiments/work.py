"""Carry out one task of an experiment, according to the kind of its step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.experiments.experiment_steps import EvaluateStep, GenerateStep, SelectStep, TrainStep, resolve
from fertools.training.experiments.graph import Task
from fertools.training.runs.folder import RunFolder


class Trainer(Protocol):
    """Carries out one training run, unless it is finished already. `fertools.train` is a `Trainer`."""

    def __call__(
        self,
        workspace: Workspace,
        system: str,
        *,
        preset: str | None,
        overrides: Sequence[str],
        device: str,
        run: str,
        allow_leaks: bool,
        report: Reporter,
    ) -> object:
        """Train to the end, and write predictions or generated faces into the folder of the run."""


def carry_out(
    workspace: Workspace,
    *,
    task: Task,
    experiment: str,
    trainer: Trainer | None,
    device: str,
    allow_leaks: bool,
    report: Reporter,
) -> None:
    """Carry out one task to the end. Work that an earlier call has finished is not repeated.

    Args:
        workspace: workspace with the faces and runs.
        task: the task.
        experiment: name of the experiment.
        trainer: carries out a training run; None for `fertools.train`.
        device: device of the training; see `fertools.train`.
        allow_leaks: whether a run or an evaluation may use models that have learned from its test people.
        report: reporter of progress.

    Raises:
        FertoolsError: the work failed, with the errors of training, generation, selection or evaluation.
    """
    step = task.step
    if isinstance(step, TrainStep):
        record = RunFolder(workspace.root / task.folders[0]).read()
        (trainer or _train())(
            workspace,
            step.system,
            preset=step.preset,
            overrides=task.overrides,
            device=device,
            run=task.run,
            allow_leaks=allow_leaks,
            # The advice on a finished run is for a user of `fertools.train`.
            report=Silent() if record is not None and record["finished"] else report,
        )
        return
    if isinstance(step, GenerateStep):
        _generate(workspace, step, task, device, report)
    elif isinstance(step, SelectStep):
        from fertools.training.experiments.select import select_generated

        select_generated(workspace, step, task, device, report)
    elif isinstance(step, EvaluateStep):
        _evaluate(workspace, step, task, device, report, allow_leaks=allow_leaks)
    files.write_json(done_path(workspace, experiment, task), {"step": step.name, "folders": list(task.folders)})


def done_path(workspace: Workspace, experiment: str, task: Task) -> Path:
    """Return the file that marks a task without training as done."""
    return workspace.runs("experiments") / experiment / "done" / f"{task.run}.json"


def run_of(folder: str) -> str:
    """Return the name of the run in a folder.

    Raises:
        InputError: the folder is not the folder of a run.

    Example:
        >>> run_of("training/stargan/cpu")
        'stargan/cpu'
    """
    name = folder.removeprefix("training/")
    if name == folder:
        raise InputError(f"{folder} is no folder of a run; give one below training/, such as training/stargan/cpu")
    return name


def _train() -> Trainer:
    # Imported here, because reading and checking an experiment needs no torch.
    from fertools.training.jobs.train import train

    return train


def _generate(workspace: Workspace, step: GenerateStep, task: Task, device: str, report: Reporter) -> None:
    from fertools.training.jobs.generate import generate

    for folder in task.folders:
        generate(
            workspace,
            run_of(folder),
            which=step.faces,
            emotions=step.emotions,
            limit=step.limit,
            device=device,
            report=report,
        )


def _evaluate(
    workspace: Workspace, step: EvaluateStep, task: Task, device: str, report: Reporter, *, allow_leaks: bool
) -> None:
    from fertools.training.jobs.evaluate_translator import assess

    judges = [judge for text in step.judges for judge in resolve(text, task.references)]
    options = EvaluationOptions(
        judges=[run_of(judge) if judge.startswith("training/") else judge for judge in judges],
        features=step.features,
        identity=step.identity,
        gan_train=step.gan_train,
        drawn=step.drawn,
        people_probe=step.people_probe,
        nearest=step.nearest,
        allow_leaks=allow_leaks,
        device=device,
    )
    for folder in resolve(step.of, task.references):
        assess(workspace, run_of(folder), options, report=report)
