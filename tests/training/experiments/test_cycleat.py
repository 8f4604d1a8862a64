"""The experiments of CycleAT as they ship: what they train on, what they test, and the paper's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.experiments.audit import audit, list_recipes
from fertools.training.experiments.definition import read_experiment
from fertools.training.experiments.experiment_steps import SelectStep, TrainStep
from fertools.training.experiments.graph import Task, find_folds, list_tasks
from fertools.training.experiments.shared_classes import refuse_differing_classes
from fertools.training.recipes.recipe import Recipe
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.cycleat.recipe import CycleatRecipe
from tests.training.drawn_looks import write_drawn_looks

PRESETS = ("paper", "middle", "smoke")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return write_drawn_looks(tmp_path_factory.mktemp("looks"))


def recipes_of(workspace: Workspace, tasks: list[Task]) -> dict[str, Recipe]:
    """Return the recipe of the first task of each training step, by name of the step."""
    found: dict[str, Recipe] = {}
    for task in tasks:
        if isinstance(task.step, TrainStep) and task.step.name not in found:
            (found[task.step.name],) = list_recipes(workspace, task, task.step)
    return found


def test_rows_differ_in_what_they_are_named_after_and_nothing_leaks(workspace: Workspace) -> None:
    experiment = read_experiment("cycleat", preset="smoke")
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    assert not audit(workspace, experiment, folds, tasks)
    refuse_differing_classes(workspace, tasks)
    recipes = recipes_of(workspace, tasks)
    rows = {step.name: cast(ClassifierRecipe, recipes[step.name]) for step in experiment.tested}
    assert len(rows) == 12
    for recipe in rows.values():
        # Only held-out wild faces are tested, alike in every row.
        assert (recipe.dataset, recipe.test_crops, recipe.val_share) == ("wild", "ten", 0)
    attends = {name for name, recipe in rows.items() if recipe.attends}
    generated = {name for name, recipe in rows.items() if recipe.generated}
    assert set(rows) - attends == {"s2t", "fine-tune-deep", "fine-tune", "no-attention"}
    assert set(rows) - generated == {"s2t", "fine-tune-deep", "fine-tune", "attention"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_tests_f_s_untrained_and_shares_the_depth_of_f_t(preset: str) -> None:
    experiment = read_experiment("cycleat", preset=preset)
    settings = {step.name: step.settings for step in experiment.steps.values() if isinstance(step, TrainStep)}
    assert [name for name, values in settings.items() if values.get("epochs") == 0] == ["s2t"]
    deep = {settings[name]["network"] for name in ("source", "s2t", "fine-tune-deep")}
    others = {values["network"] for name, values in settings.items() if "pretrained" in values}
    assert len(deep) == 1
    assert len(others - deep) <= 1
    assert settings["gan"]["stage2_iterations"] == 0
    methods = {step.method for step in experiment.steps.values() if isinstance(step, SelectStep)}
    assert methods == {"tsne-knn" if preset == "paper" else "pca-knn"}


def test_the_middle_size_starts_its_generator_from_a_network_like_the_teacher(workspace: Workspace) -> None:
    experiment = read_experiment("cycleat", preset="middle")
    recipes = recipes_of(workspace, list_tasks(workspace, experiment, range(3)))
    joint, source = cast(CycleatRecipe, recipes["joint"]), cast(ClassifierRecipe, recipes["source"])
    assert joint.start == "teacher"
    assert (joint.network, joint.width) == (source.network, source.width)
    assert joint.image_size == source.image_size


def test_classifiers_of_source_and_target_that_know_other_expressions_are_refused(tmp_path: Path) -> None:
    workspace = write_drawn_looks(tmp_path)
    text = Path("training/experiments/cycleat.toml").read_text(encoding="utf-8")
    (tmp_path / "training/experiments").mkdir(parents=True)
    wanted = 'generated = "{chosen-joint}", patience = 0 }\n\n# Controls'
    six = text.replace(wanted, wanted.replace("patience", 'classes = "six", patience'))
    assert six != text
    (tmp_path / "training/experiments/six.toml").write_text(six, encoding="utf-8")
    experiment = read_experiment("six", tmp_path, preset="smoke")
    with pytest.raises(InputError, match=r"their classes differ \(neutral\)"):
        refuse_differing_classes(workspace, list_tasks(workspace, experiment, find_folds(workspace, experiment)))


def test_the_papers_numbers_are_there() -> None:
    found = {(row.table, row.step): row.values for row in read_experiment("cycleat").reported if row.step}
    assert len(read_experiment("cycleat").reported) == 18
    assert found["SFEW", "cycleat"] == {"balanced_accuracy": (0.3075, None)}
    assert found["EmotioNet", "cycleat"] == {"balanced_accuracy": (0.4672, None), "accuracy": (0.6798, None)}
    source = {row.step: row.values["balanced_accuracy"][0] for row in read_experiment("cycleat-source").reported}
    assert source == {
        "alexnet": 0.7518,
        "vgg-19": 0.7746,
        "resnet-38": 0.7815,
        "resnet-50": 0.8098,
        "resnet-101": 0.8066,
    }
