"""Whether the classifiers around a generator know the same expressions, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.experiments.audit import list_recipes
from fertools.training.experiments.experiment_steps import EvaluateStep, GenerateStep, SelectStep, Step, TrainStep
from fertools.training.experiments.graph import Task


def refuse_differing_classes(workspace: Workspace, tasks: Sequence[Task]) -> None:
    """Raise if the classifiers around one generator have different classes.

    These are the classifiers that train it, such as an emotion network, that judge its faces, and that learn from its
    faces. A judge cannot give the right answer to a face of an expression that it does not know.

    Args:
        workspace: workspace with the recipes.
        tasks: all tasks of an experiment.

    Raises:
        InputError: two of them differ.
        RecipeError: the recipe of a step is wrong.
    """
    first_tasks: dict[str, Task] = {}
    for task in tasks:
        first_tasks.setdefault(task.step.name, task)
    steps = {name: task.step for name, task in first_tasks.items()}
    known: dict[str, tuple[str, ...]] = {}
    for name, task in first_tasks.items():
        if isinstance(task.step, TrainStep):
            found = {recipe.class_names for recipe in list_recipes(workspace, task, task.step) if recipe.predicts}
            if len(found) == 1:
                known[name] = found.pop()
    for generator in dict.fromkeys(name for step in steps.values() for name in _generators(step, steps)):
        around = [name for name in dict.fromkeys(_around(generator, steps)) if name in known]
        for first, second in pairwise(around):
            if differing := sorted({*known[first]} ^ {*known[second]}):
                raise InputError(
                    f"the steps {first} and {second} are classifiers around the generator {generator}, and their "
                    f"classes differ ({', '.join(differing)}); give both the same classes"
                )


def _generators(step: Step, steps: Mapping[str, Step]) -> Iterator[str]:
    """Yield the training steps whose faces a step generates, selects or measures."""
    if isinstance(step, GenerateStep | SelectStep | EvaluateStep):
        name = step.of.strip("{}")
        if isinstance(steps[name], TrainStep):
            yield name
        else:
            yield from _generators(steps[name], steps)


def _around(generator: str, steps: Mapping[str, Step]) -> Iterator[str]:
    """Yield the steps that train a generator, judge its faces, or learn from them."""
    yield from steps[generator].needs
    for name, step in steps.items():
        if isinstance(step, EvaluateStep) and generator in _generators(step, steps):
            yield from (judge.strip("{}") for judge in step.judges)
        if isinstance(step, TrainStep) and any(generator in _generators(steps[need], steps) for need in step.needs):
            yield name
