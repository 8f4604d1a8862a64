"""The leak audit of an experiment: whether a model is tested on people that it has learned from.

The audit does not trust what the file of the experiment declares. It checks three things. Is a person in two folds of
the manifest? Does the graph let a task use the result of another task that has seen its test folds? And which people
have the runs and weights of a task really learned from, according to their recorded lineage?
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import CheckFailed
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.leaks import COLUMNS, find_leaks
from fertools.manifests.schema import ANIMATED
from fertools.splits.resplit import resplit
from fertools.training.experiments.definition import Experiment
from fertools.training.experiments.experiment_steps import EvaluateStep, TrainStep
from fertools.training.experiments.graph import Task
from fertools.training.recipes.recipe import Recipe
from fertools.training.recipes.resolve import describe_presets, resolve_recipe
from fertools.training.runs.ancestry import find_known_people, find_own_leaks, trace_recipe
from fertools.training.runs.configuration import CPU_PRESET, GPU_PRESET
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import Ancestor, read_lineage
from fertools.training.systems.registry import find_system


def audit(workspace: Workspace, experiment: Experiment, folds: Sequence[int], tasks: Sequence[Task]) -> list[str]:
    """Return a sentence for each leak: a model that is tested on people that it has learned from.

    Args:
        workspace: workspace with the faces, runs and weights.
        experiment: the protocol.
        folds: all folds.
        tasks: all tasks.

    Raises:
        CheckFailed: there is a leak, and the experiment does not declare it.
        RecipeError: the recipe of a step is wrong.
    """
    table = store.read_faces(workspace, (*COLUMNS, "emotion"), [("status", "=", "kept")])
    built_upon = {task.run: _built_upon(task, tasks) for task in tasks}
    leaks = [f"in the manifest, {leak}" for leak in find_leaks(table)]
    planned = _leaks_of_the_graph(
        folds, tasks, built_upon, {task.run for task in tasks if _sees_people(workspace, task)}
    )
    leaks += planned.values()
    seeds = dict.fromkeys(task.split_seed for task in tasks)
    tables = {seed: _without_characters(resplit(workspace, table, seed)) for seed in seeds}
    leaks += _leaks_of_lineage(workspace, tables, [task for task in tasks if task.run not in planned], built_upon)
    leaks += _leaks_of_recipes(workspace, experiment, tasks, built_upon)
    if leaks and not experiment.leaky:
        more = f"; {len(leaks) - 1} more like it" if len(leaks) > 1 else ""
        raise CheckFailed(
            f"the experiment '{experiment.name}' leaks: {leaks[0]}{more}; correct that, or declare it by "
            'leaky = "why" under [protocol], which every table and report will repeat'
        )
    return leaks


def _built_upon(task: Task, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that a task uses directly: by reference, or because it names their folder or run."""
    texts = " ".join((*task.overrides, *(task.step.texts if isinstance(task.step, EvaluateStep) else ())))
    needed = [other for other in tasks if other.run in task.needs]
    known = {folder for other in needed for folder in other.folders}

    def named(other: Task) -> bool:
        names = "|".join(re.escape(folder.removeprefix("training/")) for folder in other.folders)
        return bool(re.search(rf"({names})(?![A-Za-z0-9._-])", texts))

    trained = (other for other in tasks if isinstance(other.step, TrainStep) and not known & set(other.folders))
    return [*needed, *(other for other in trained if other is not task and named(other))]


def _leaks_of_the_graph(
    folds: Sequence[int], tasks: Sequence[Task], built_upon: Mapping[str, Sequence[Task]], training: Collection[str]
) -> dict[str, str]:
    """Return, by task, a sentence for each tested task that uses another one which has seen its test folds.

    Args:
        folds: all folds.
        tasks: all tasks.
        built_upon: the tasks that each task uses, by its name.
        training: names of the tasks that train on people.
    """
    everything = frozenset(folds)
    seen: dict[str, frozenset[int]] = {}

    def folds_seen(task: Task) -> frozenset[int]:
        if task.run not in seen:
            trains = task.run in training and len(folds) > 1
            own = everything - set(task.test_folds) if trains else frozenset[int]()
            # A task in a circle of names has seen no more folds than the circle.
            seen[task.run] = own
            seen[task.run] = own.union(*(folds_seen(other) for other in built_upon[task.run]))
        return seen[task.run]

    leaks = {}
    for task in tasks:
        met = folds_seen(task) & set(task.folds)
        if met and _is_tested(task):
            culprits = [other.words for other in built_upon[task.run] if met & folds_seen(other)]
            listed = " and ".join(map(str, sorted(met)))
            leaks[task.run] = f"{task.words} builds upon {' and '.join(culprits)}, trained with faces of fold {listed}"
    return leaks


def _sees_people(workspace: Workspace, task: Task) -> bool:
    """Return whether a task trains on people; a character shows nobody."""
    if not isinstance(task.step, TrainStep):
        return False
    recipes = list_recipes(workspace, task, task.step)
    return any(not domain.character for recipe in recipes for domain in recipe.domains)


def _without_characters(table: pa.Table) -> pa.Table:
    """Return the rows of people: subjects of animated faces alone are characters, if there are people as well."""
    animated = pc.equal(table["modality"], ANIMATED)
    people = pc.unique(table["subject_id"].filter(pc.invert(animated)).drop_null())
    if not len(people):
        return table
    return nested.keep(table, pc.or_(pc.invert(animated), pc.is_in(table["subject_id"], value_set=people)))


def _is_tested(task: Task) -> bool:
    return task.step.tested or isinstance(task.step, EvaluateStep)


def _leaks_of_lineage(
    workspace: Workspace,
    tables: Mapping[int, pa.Table],
    tasks: Sequence[Task],
    built_upon: Mapping[str, Sequence[Task]],
) -> Iterator[str]:
    """Yield a sentence for each model behind a tested task that learned from its test people, by recorded lineage.

    Args:
        workspace: workspace with the runs and weights.
        tables: all kept faces, by seed of the folds.
        tasks: the tasks to check.
        built_upon: the tasks that each task uses, by its name.
    """
    ancestors: dict[str, list[Ancestor]] = {}
    for task in tasks:
        if not _is_tested(task):
            continue
        tested = _tested_rows(tables[task.split_seed], task)
        for source in (task, *_all_built_upon(task, built_upon)):
            if source.run not in ancestors:
                ancestors[source.run] = list(_ancestors(workspace, source))
            for sentence in find_known_people(tested, ancestors[source.run]):
                through = "" if source is task else f"{source.words}, and that upon "
                yield f"{task.words} builds upon {through}{sentence}"


def _ancestors(workspace: Workspace, task: Task) -> Iterator[Ancestor]:
    """Yield what a task takes from outside the graph, and the record of its own run if there is one already."""
    step = task.step
    if isinstance(step, TrainStep):
        for folder in task.folders:
            if (lineage := read_lineage(RunFolder(workspace.root / folder))) is not None:
                yield Ancestor("weights", lineage.run, "", (lineage,))
        for recipe in list_recipes(workspace, task, step):
            yield from trace_recipe(workspace, recipe)
    if isinstance(step, EvaluateStep):
        for judge in (name.removeprefix("training/") for name in step.judges if "{" not in name):
            if (lineage := read_lineage(RunFolder(workspace.root / "training" / judge))) is not None:
                yield Ancestor("judge", judge, "", (lineage,))


def list_recipes(workspace: Workspace, task: Task, step: TrainStep) -> Iterator[Recipe]:
    """Yield the recipe of a training run, or the recipe for each device if the device decides."""
    kind: type[Recipe] = find_system(step.system).recipe_class()
    known = describe_presets(step.system, workspace.root)
    presets = [step.preset] if step.preset is not None else [p for p in (GPU_PRESET, CPU_PRESET) if p in known]
    for preset in presets:
        yield resolve_recipe(step.system, kind, preset, task.overrides, workspace.root).recipe


def _leaks_of_recipes(
    workspace: Workspace, experiment: Experiment, tasks: Sequence[Task], built_upon: Mapping[str, Sequence[Task]]
) -> Iterator[str]:
    """Yield a sentence for each recipe that trains or selects on test people, or breaks the declared inner split."""
    shares: dict[str, float] = {}
    for task in tasks:
        if not isinstance(task.step, TrainStep):
            continue
        recipes = list(list_recipes(workspace, task, task.step))
        shares[task.run] = min((recipe.inner_validation for recipe in recipes), default=0.0)
        for sentence in dict.fromkeys(sentence for recipe in recipes for sentence in find_own_leaks(recipe)):
            yield f"in {task.words}, {sentence}"
    if experiment.validation is None:
        return
    for task in tasks:
        if not _is_tested(task) or not shares.get(task.run):
            continue
        for other in _all_built_upon(task, built_upon):
            if shares.get(other.run, 1.0) < shares[task.run]:
                yield (
                    f"{task.words} chooses its best state on people whom {other.words} is trained on, since its "
                    f"val_share is {shares[other.run]:g} and not {shares[task.run]:g}"
                )
        if (record := RunFolder(workspace.root / task.folders[0]).read()) is not None:
            yield from (f"in {task.words}, {found}" for found in record.get("lineage", {}).get("validation", []))


def _all_built_upon(task: Task, built_upon: Mapping[str, Sequence[Task]]) -> list[Task]:
    """Return the tasks that a task uses, directly or through other tasks."""
    found: dict[str, Task] = {}
    waiting = [task]
    while waiting:
        for other in built_upon[waiting.pop().run]:
            if other.run not in found:
                found[other.run] = other
                waiting.append(other)
    return list(found.values())


def _tested_rows(table: pa.Table, task: Task) -> pa.Table:
    """Return the rows of the people that a task is tested on."""
    if not pc.any(pc.is_valid(table["fold"])).as_py():
        return nested.keep(table, pc.equal(table["split"], "test"))
    return nested.keep(table, pc.is_in(table["fold"], value_set=pa.array(task.test_folds, table["fold"].type)))
