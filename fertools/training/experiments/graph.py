"""An experiment over folds: which runs there are, in which order, and what each has seen.

A run leaks if faces of the fold that it is tested on had a part in it: in its own training, or in that of a run that
it builds upon. That is looked up run by run here, whatever the experiment's file says of itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import COLUMNS, find_leaks
from fertools.training.experiments.plan import Experiment, Step


@dataclass(frozen=True)
class Task:
    """One training run.

    Attributes:
        step: of which step.
        fold: in which fold; None for a run that all folds share.
        held_out: the fold that its training never sees.
        run: its name.
        overrides: `key=value` each, as `fertools.train` takes them.
    """

    step: Step
    fold: int | None
    held_out: int
    run: str
    overrides: tuple[str, ...]

    @property
    def words(self) -> str:
        """What it is called in messages."""
        return self.step.name if self.fold is None else f"{self.step.name}, fold {self.fold}"


def find_folds(workspace: Workspace, experiment: Experiment) -> tuple[int, ...]:
    """Return the folds of a workspace's manifest that the experiment goes over.

    Raises:
        InputError: the manifest is not split as the protocol asks for; the message has the command.
    """
    table = store.read_faces(workspace, ("fold", "split", "subject_id"), [("status", "=", "kept")])
    found = sorted(pc.unique(table["fold"].drop_null()).to_pylist())
    if experiment.protocol == "hold-out":
        if not found and not pc.any(pc.equal(table["split"], "test")).as_py():
            raise InputError(f"{workspace.manifest} is not split; run `fertools split --holdout 0.1` first")
        return (0,)
    if experiment.protocol == "leave-one-subject-out":
        people = [
            pc.count_distinct(table.filter(pc.equal(table["fold"], fold))["subject_id"]).as_py() for fold in found
        ]
        if not found or max(people) > 1:
            raise InputError(
                f"the experiment '{experiment.name}' leaves one person out at a time, and {workspace.manifest} is not "
                "split so; run `fertools split --loso --overwrite` first"
            )
        return tuple(found)
    wanted = experiment.folds
    if not found or (wanted is not None and len(found) != wanted):
        has = f"has {len(found)}" if found else "has none"
        raise InputError(
            f"the experiment '{experiment.name}' goes over {wanted or 'several'} folds, and {workspace.manifest} "
            f"{has}; run `fertools split --folds {wanted or 10} --overwrite` first"
        )
    return tuple(found)


def list_tasks(workspace: Workspace, experiment: Experiment, folds: Sequence[int]) -> list[Task]:
    """Return every run of an experiment, each after those that it needs."""
    tasks: list[Task] = []
    for step in experiment.steps.values():
        for fold in folds if step.over == "fold" else (None,):
            held_out = fold if fold is not None else int(step.settings.get("test_folds", [folds[0]])[0])
            tasks.append(
                Task(
                    step=step,
                    fold=fold,
                    held_out=held_out,
                    run=_run_name(experiment, step, fold),
                    overrides=_overrides(workspace, experiment, step, fold, held_out),
                )
            )
    return tasks


def needed_by(task: Task, tasks: Sequence[Task]) -> list[Task]:
    """Return the runs that a run builds upon directly."""
    return [other for other in tasks if other.step.name in task.step.needs and other.fold in (task.fold, None)]


def audit(workspace: Workspace, experiment: Experiment, folds: Sequence[int], tasks: Sequence[Task]) -> list[str]:
    """Return a sentence for each way in which faces of a test fold have a part in what is tested on it.

    Raises:
        CheckFailed: there is one, and the experiment does not call itself leaky.
    """
    table = store.read_faces(workspace, COLUMNS, [("status", "=", "kept")])
    leaks = [f"in the manifest, {leak}" for leak in find_leaks(table)]
    everything = frozenset(folds)
    seen: dict[str, frozenset[int]] = {}
    for task in tasks:
        own = everything - {task.held_out} if len(folds) > 1 else frozenset[int]()
        seen[task.run] = own.union(*(seen[other.run] for other in needed_by(task, tasks)))
    for task in tasks:
        if task.step.tested and task.fold is not None and task.fold in seen[task.run]:
            culprits = [other.words for other in needed_by(task, tasks) if task.fold in seen[other.run]]
            leaks.append(f"{task.words} builds upon {' and '.join(culprits)}, trained with faces of fold {task.fold}")
    if leaks and not experiment.leaky:
        more = f"; {len(leaks) - 1} more like it" if len(leaks) > 1 else ""
        raise CheckFailed(
            f"the experiment '{experiment.name}' leaks: {leaks[0]}{more}; mend that, or say so by leaky = \"why\" "
            "under [protocol], which every table and report will repeat"
        )
    return leaks


def _run_name(experiment: Experiment, step: Step, fold: int | None) -> str:
    return f"{experiment.name}.{step.name}" + ("" if fold is None else f".fold-{fold}")


def _overrides(
    workspace: Workspace, experiment: Experiment, step: Step, fold: int | None, held_out: int
) -> tuple[str, ...]:
    folders: dict[str, str] = {}
    for needed in (experiment.steps[name] for name in step.needs):
        run = _run_name(experiment, needed, fold if needed.over == "fold" else None)
        folders[needed.name] = workspace.name_of(workspace.runs(needed.system) / run)
    settings = {**step.settings, "test_folds": [held_out]}
    return tuple(f"{name}={_written(value, folders)}" for name, value in settings.items())


def _written(value: Any, folders: Mapping[str, str]) -> str:
    """Return a value as `--set` takes it."""
    if isinstance(value, str):
        for name, folder in folders.items():
            value = value.replace(f"{{{name}}}", folder)
    # What JSON and TOML write alike: text, numbers, true and false.
    return json.dumps(value, ensure_ascii=False)
