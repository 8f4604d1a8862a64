"""The tasks of an experiment: each step in every fold, pair of folds and repeat, after the tasks that it needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.experiments.definition import Experiment
from fertools.training.experiments.experiment_steps import GenerateStep, Step, TrainStep, resolve
from fertools.training.runs.folder import RunFolder


@dataclass(frozen=True)
class Task:
    """One step in one fold, pair of folds or repeat.

    Attributes:
        step: the step.
        folds: the fold, or the two folds of a pair; empty for a task that all folds share.
        repeat: number of the repeat, from 0; None for a task that all repeats share.
        test_folds: the held-out folds: no part of the task may learn from their people.
        split_seed: seed of the folds; 0 for the folds of the manifest. See `fertools.splits.resplit`.
        run: the task's name, which is also the name of its training run.
        folders: folders of its results, relative to the workspace; several for faces that several runs generated.
        needs: names of the tasks that it uses directly.
        references: the folders that `{name}` stands for, by name of the step.
    """

    step: Step
    folds: tuple[int, ...]
    repeat: int | None
    test_folds: tuple[int, ...]
    split_seed: int
    run: str
    folders: tuple[str, ...]
    needs: tuple[str, ...]
    references: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> str:
        """The task's name in messages, such as `tuned, fold 1`."""
        folds = f"fold{'s' * (len(self.folds) > 1)} {' and '.join(map(str, self.folds))}" if self.folds else ""
        repeat = "" if self.repeat is None else f"repeat {self.repeat}"
        return ", ".join(part for part in (self.step.name, folds, repeat) if part)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The settings of a training run in the form `key=value`, for `fertools.train`."""
        if not isinstance(self.step, TrainStep):
            return ()
        settings = {**self.step.settings, "test_folds": list(self.test_folds)}
        if self.repeat is not None and type(seed := settings.get("seed", 0)) is int:
            settings["seed"] = seed + self.repeat
        if self.split_seed:
            settings["split_seed"] = self.split_seed
        return tuple(f"{name}={_written(value, self.references)}" for name, value in settings.items())


def find_folds(workspace: Workspace, experiment: Experiment) -> tuple[int, ...]:
    """Return the folds of a workspace's manifest that the experiment runs over.

    Raises:
        InputError: the manifest is not split as the protocol requires; the message has the command.
    """
    table = store.read_faces(workspace, ("fold", "split", "subject_id"), [("status", "=", "kept")])
    found = sorted(pc.unique(table["fold"].drop_null()).to_pylist())
    if experiment.protocol == "hold-out":
        if not found and not pc.any(pc.equal(table["split"], "test")).as_py():
            raise InputError(f"{workspace.manifest} is not split; run {calls.SPLIT_HOLDOUT} first")
        return (0,)
    if experiment.protocol == "leave-one-subject-out":
        people = [
            pc.count_distinct(table.filter(pc.equal(table["fold"], fold))["subject_id"]).as_py() for fold in found
        ]
        if not found or max(people) > 1:
            raise InputError(
                f"the experiment '{experiment.name}' leaves one person out at a time, and {workspace.manifest} is not "
                f"split like that; run {calls.SPLIT_LOSO} first"
            )
        return tuple(found)
    wanted = experiment.folds
    if not found or (wanted is not None and len(found) != wanted):
        has = f"has {len(found)}" if found else "has none"
        raise InputError(
            f"the experiment '{experiment.name}' goes over {wanted or 'several'} folds, and {workspace.manifest} "
            f"{has}; run {calls.split_folds(wanted or 10)} first"
        )
    return tuple(found)


def list_tasks(workspace: Workspace, experiment: Experiment, folds: Sequence[int]) -> list[Task]:
    """Return every task of an experiment, each after the tasks that it needs.

    Raises:
        InputError: a step runs over pairs of folds or repeats, and there are too few.
    """
    tasks: list[Task] = []
    for step in experiment.steps.values():
        _refuse_too_few(experiment, step, folds)
        for held_out, repeat in _cells(experiment, step, folds):
            needed = {
                name: [task for task in tasks if task.step.name == name and _builds_upon(step, held_out, repeat, task)]
                for name in step.needs
            }
            references = {name: tuple(f for task in found for f in task.folders) for name, found in needed.items()}
            run = _run_name(experiment, step, held_out, repeat)
            tasks.append(
                Task(
                    step=step,
                    folds=held_out,
                    repeat=repeat,
                    test_folds=held_out or _own_folds(step, folds),
                    split_seed=(repeat or 0) if experiment.new_folds else 0,
                    run=run,
                    folders=_folders(workspace, experiment, step, run, references),
                    needs=tuple(task.run for found in needed.values() for task in found),
                    references=references,
                )
            )
    return tasks


def describe_budget(workspace: Workspace, tasks: Sequence[Task]) -> str:
    """Return in words how many runs of each system the tasks train, and how many of them have finished.

    Example:
        >>> describe_budget(Workspace("my-dataset"), [])
        'nothing to train'
    """
    trained = [(step.system, task) for task in tasks if isinstance(step := task.step, TrainStep)]
    counts = Counter(system for system, _ in trained)
    if not counts:
        return "nothing to train"
    records = (RunFolder(workspace.root / task.folders[0]).read() for _, task in trained)
    done = sum(record is not None and bool(record["finished"]) for record in records)
    listed = ", ".join(f"{count} of {system}" for system, count in counts.items())
    return f"{len(trained)} runs to train ({listed}); {done} of them have finished"


def needed_by(task: Task, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that a task uses directly."""
    return [other for other in tasks if other.run in task.needs]


def _cells(experiment: Experiment, step: Step, folds: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int | None]]:
    """Yield the folds and the repeat of each task of a step."""
    held_out: list[tuple[int, ...]] = [()]
    if "fold" in step.over:
        held_out = [(fold,) for fold in folds]
    if "pair" in step.over:
        held_out = list(combinations(folds, 2))
    repeats: list[int | None] = list(range(experiment.repeats)) if "repeat" in step.over else [None]
    yield from ((entry, repeat) for repeat in repeats for entry in held_out)


def _builds_upon(step: Step, folds: tuple[int, ...], repeat: int | None, other: Task) -> bool:
    """Return whether a task uses another task, if its step refers to the step of the other.

    A task over a fold uses the tasks of all pairs with that fold, because none of them has seen the fold. A task that
    all repeats share uses the tasks of every repeat.
    """
    same_folds = not other.folds or set(folds) <= set(other.folds)
    if isinstance(step, GenerateStep) and step.folds == "others":
        same_folds = not set(folds) & set(other.folds)
    return same_folds and (None in (repeat, other.repeat) or repeat == other.repeat)


def _refuse_too_few(experiment: Experiment, step: Step, folds: Sequence[int]) -> None:
    if "pair" in step.over and len(folds) < 3:
        raise InputError(
            f"the step {step.name} of '{experiment.name}' runs over pairs of folds, and of {len(folds)} folds none "
            "would be left to train on; split into 3 folds or more"
        )
    if "repeat" in step.over and experiment.repeats < 2:
        raise InputError(
            f"the step {step.name} of '{experiment.name}' runs over repeats, and there is one; write repeats = 2 or "
            "more under [protocol]"
        )


def _own_folds(step: Step, folds: Sequence[int]) -> tuple[int, ...]:
    """Return the held-out folds of a task that all folds share."""
    given = step.settings.get("test_folds", folds[0]) if isinstance(step, TrainStep) else folds[0]
    return tuple(given) if isinstance(given, list) else (given,)


def _run_name(experiment: Experiment, step: Step, folds: tuple[int, ...], repeat: int | None) -> str:
    parts = [f"{experiment.name}.{step.name}"]
    if folds:
        parts.append(f"fold{'s' * (len(folds) > 1)}-{'-'.join(map(str, folds))}")
    if repeat is not None:
        parts.append(f"repeat-{repeat}")
    return ".".join(parts)


def _folders(
    workspace: Workspace, experiment: Experiment, step: Step, run: str, references: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    if isinstance(step, TrainStep):
        return (workspace.name_of(workspace.runs(step.system) / run),)
    if isinstance(step, GenerateStep):
        # Generated faces are in the folder of the run that generated them.
        return tuple(resolve(step.of, references))
    return (
        workspace.name_of(workspace.runs("experiments") / experiment.name / run.removeprefix(f"{experiment.name}.")),
    )


def _written(value: Any, references: Mapping[str, tuple[str, ...]]) -> str:
    """Return a value in the form of `--set`, with its references replaced; several runs are separated by commas."""
    if isinstance(value, str):
        value = ",".join(resolve(value, references))
    if isinstance(value, list):
        value = [part for item in value for part in (resolve(item, references) if isinstance(item, str) else [item])]
    # JSON and TOML write these values in the same way: text, numbers, true and false, and lists of them.
    return json.dumps(value, ensure_ascii=False)
