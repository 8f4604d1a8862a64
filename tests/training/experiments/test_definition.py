"""Reading experiments: what a file says, and every way in which it can be wrong."""

from __future__ import annotations

import dataclasses
import itertools
import tomllib
from pathlib import Path

import pytest

from fertools.core import package_data
from fertools.core.errors import InputError, RecipeError
from fertools.training.experiments.definition import list_experiments, read_experiment
from fertools.training.experiments.experiment_steps import GenerateStep, TrainStep
from fertools.training.experiments.graph import find_folds, list_tasks
from fertools.training.recipes.resolve import describe_presets, resolve_recipe
from fertools.training.systems.registry import find_system
from tests.training.blobs import write_blobs
from tests.training.experiments.protocols import TWO_STEPS, write_experiment

SHIPPED = sorted(path.stem for path in (package_data.shipped_folder("training") / "experiments").glob("*.toml"))


def list_presets(name: str) -> list[str | None]:
    text = (package_data.shipped_folder("training") / "experiments" / f"{name}.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text).get("presets", [None]))


def test_a_file_is_read(tmp_path: Path) -> None:
    found = read_experiment(write_experiment(tmp_path), tmp_path)
    assert list(found.steps) == ["plain", "source", "tuned"]
    assert found.steps["tuned"].needs == ("source",)
    assert [step.title for step in found.tested] == ["Plain", "Tuned"]
    assert found.reported[0].values == {"accuracy": (0.4, 0.03), "macro_f1": (0.38, None)}
    assert (found.folds, found.leaky) == (4, "")


def test_steps_come_after_those_that_they_need(tmp_path: Path) -> None:
    text = """
    title = "x"
    [steps.last]
    system = "classifier"
    test = true
    set = { pretrained = "{middle}/a" }
    [steps.middle]
    system = "classifier"
    set = { pretrained = "{first}/a" }
    [steps.first]
    system = "classifier"
    over = "once"
    """
    assert list(read_experiment(write_experiment(tmp_path, text), tmp_path).steps) == ["first", "middle", "last"]


def test_steps_keep_the_order_of_the_file_where_they_can(tmp_path: Path) -> None:
    text = """
    title = "x"
    [steps.source]
    system = "classifier"
    [steps.tuned]
    system = "classifier"
    set = { pretrained = "{source}/a" }
    [steps.plain]
    system = "classifier"
    test = true
    """
    assert list(read_experiment(write_experiment(tmp_path, text), tmp_path).steps) == ["source", "tuned", "plain"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Two methods"', "", "no title"),
        ("folds = 4", "folds = 1", "whole number from 2"),
        ('kind = "k-fold"', 'kind = "k-folds"', "choose one of k-fold"),
        ("test = true", "", "no step of"),
        ("{source}", "{sauce}", "did you mean 'source'"),
        ("[steps.source]", '[steps.source]\nset = { pretrained = "{tuned}/x" }', "need each other"),
        ("[steps.source]", '[steps.source]\nover = "always"', "choose one of fold, pair, repeat, once"),
        ("lr = 0.001", "test_folds = 1", "the experiment sets it"),
        ('step = "tuned"', 'step = "tuns"', "did you mean 'tuned'"),
        ("accuracy = [0.4, 0.03]", "acuracy = 0.4", "did you mean 'accuracy'"),
        ("accuracy = [0.4, 0.03]", 'accuracy = "high"', "write the mean"),
        ("[steps.plain]", "[steps.Plain]", "small letters"),
        ("test = true", 'test = "yes"', "true or false"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TWO_STEPS
    name = write_experiment(tmp_path, TWO_STEPS.replace(old, new))
    with pytest.raises(RecipeError, match=words):
        read_experiment(name, tmp_path)


def test_one_run_for_all_folds_cannot_build_upon_many(tmp_path: Path) -> None:
    text = TWO_STEPS.replace("[steps.tuned]", '[steps.tuned]\nover = "once"')
    with pytest.raises(RecipeError, match="runs once and needs source"):
        read_experiment(write_experiment(tmp_path, text), tmp_path)


def test_an_unknown_experiment_is_named_with_the_nearest(tmp_path: Path) -> None:
    write_experiment(tmp_path)
    with pytest.raises(InputError, match="did you mean 'two'"):
        read_experiment("tow", tmp_path)
    assert list_experiments(tmp_path)["two"] == "Two methods"


@pytest.mark.parametrize(("name", "chosen"), [(name, chosen) for name in SHIPPED for chosen in list_presets(name)])
def test_recipes_of_shipped_experiments_can_be_resolved(name: str, chosen: str | None) -> None:
    experiment = read_experiment(name, preset=chosen)
    for step in experiment.steps.values():
        if not isinstance(step, TrainStep):
            continue
        kind = find_system(step.system).recipe_class()
        overrides = [f"{key}={value}" for key, value in step.settings.items()]
        for preset in [step.preset] if step.preset else describe_presets(step.system):
            resolve_recipe(step.system, kind, preset, [text.replace("True", "true") for text in overrides])


def test_the_sweep_of_unpaired_has_every_combination_and_tests_the_defaults_alone(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    experiment = read_experiment("unpaired-sweep", preset="smoke")
    tasks = list_tasks(workspace, experiment, find_folds(workspace, experiment))
    assert len(tasks) == (27 + 4) * 2
    assert {task.test_folds for task in tasks} == {(0,)}
    kind = find_system("unpaired").recipe_class()
    recipes = {task.run: resolve_recipe("unpaired", kind, "smoke", task.overrides).recipe for task in tasks}
    weights = {(recipe.lambda_h, recipe.lambda_l, recipe.lambda_r) for recipe in recipes.values() if not recipe.samples}
    assert weights == set(itertools.product((0.01, 0.1, 1.0), repeat=3))
    assert all(recipe.val_share == 0.2 for recipe in recipes.values()), "weights are chosen on validation people"
    (tested,) = experiment.tested
    default = resolve_recipe("unpaired", kind, "smoke", ()).recipe
    for seed in (0, 1):
        found = recipes[f"unpaired-sweep.smoke.{tested.name}.fold-0.repeat-{seed}"]
        assert found == dataclasses.replace(default, val_share=0.2, seed=seed)


GRAPH = """
title = "All kinds of steps"

[steps.gan]
system = "stargan"
test = true

[steps.judge]
system = "classifier"

[steps.faces]
kind = "generate"
of = "{gan}"
faces = "train"
emotions = ["fear"]
limit = 7

[steps.chosen]
kind = "select"
of = "{faces}"
features = "{judge}"
count = 3
same_label = true

[steps.measured]
kind = "evaluate"
of = "{gan}"
judges = ["{judge}", "classifier/other"]
features = "inception-fid"
"""


def test_every_kind_of_step_is_read(tmp_path: Path) -> None:
    steps = read_experiment(write_experiment(tmp_path, GRAPH), tmp_path).steps
    assert {name: step.kind for name, step in steps.items()} == {
        "gan": "train",
        "judge": "train",
        "faces": "generate",
        "measured": "evaluate",
        "chosen": "select",
    }
    assert steps["chosen"].needs == ("faces", "judge")
    assert steps["measured"].needs == ("gan", "judge")
    assert isinstance(faces := steps["faces"], GenerateStep)
    assert (faces.faces, faces.emotions, faces.limit) == ("train", ("fear",), 7)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "generate"', 'kind = "make"', "choose one of train, generate, select, evaluate"),
        ('of = "{gan}"\nfaces', 'of = "{judge"\nfaces', "name a step, as of"),
        ('of = "{gan}"\nfaces', 'of = "{chosen}"\nfaces', "a step of kind select; give one of kind train"),
        ('of = "{faces}"', 'of = "{judge}"', "a step of kind train; give one of kind generate"),
        ('faces = "train"', 'faces = "training"', "did you mean 'train'"),
        ('faces = "train"', 'faces = "train"\ntest = true', "translates training faces"),
        ("limit = 7", "limit = -1", "whole number from 0"),
        ("count = 3", "count = 0", "whole number from 1"),
        ("count = 3", "counts = 3", "did you mean 'count'"),
        ('emotions = ["fear"]', 'emotions = "fear"', "list of texts"),
        ('features = "{judge}"', 'features = "logits"', "name a step, as features"),
        ('system = "stargan"\ntest = true', 'system = "stargan"\ntest = true\nover = "pair"', "more than once"),
        ('system = "stargan"\ntest', 'system = "stargan"\nover = ["fold", "pair"]\ntest', "'repeat' together with"),
        ('[steps.judge]\nsystem = "classifier"', '[steps.judge]\nsystem = "classifier"\nover = 3', "choose one of"),
        ('kind = "select"', 'kind = "select"\nover = "pair"', "runs over pairs of folds and needs faces"),
        ('kind = "select"', 'kind = "select"\ntest = true', "'test' is no known key"),
        ('kind = "select"', 'kind = "select"\nmethod = "pca-kn"', "did you mean 'pca-knn'"),
        ('kind = "select"', 'kind = "select"\nweights = "random"', 'set features = "alexnet-conv1"'),
    ],
)
def test_what_is_wrong_in_a_step_is_said(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GRAPH
    name = write_experiment(tmp_path, GRAPH.replace(old, new))
    with pytest.raises(RecipeError, match=words):
        read_experiment(name, tmp_path)
