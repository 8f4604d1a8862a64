"""Protocols and presets of one experiment: what they change, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import CheckFailed, FertoolsError
from fertools.core.workspace import Workspace
from fertools.training.experiments.audit import audit
from fertools.training.experiments.definition import read_experiment
from fertools.training.experiments.experiment_steps import TrainStep
from fertools.training.experiments.graph import Task, describe_budget, find_folds, list_tasks
from tests.training.blobs import write_blobs
from tests.training.experiments.protocols import write_experiment

AUGMENTED = """
title = "Faces that help"

[protocol]
kind = "k-fold"
validation = 0.1

[protocols.in-sample]
about = "the generator of a fold translates its own training faces"

[protocols.nested-pairs]
about = "a generator for each pair of folds"
steps.gan.over = "pair"
steps.faces.over = "pair"
steps.faces.faces = "test"

[protocols.paper]
about = "every generator translates the fold that it has not seen"
leaky = "the generators have seen the test fold"
steps.faces.faces = "test"
steps.faces.folds = "others"

[presets.smoke]
about = "seconds"
repeats = 2
systems.classifier = { preset = "smoke", set = { epochs = 0.1 } }
steps.gan.preset = "smoke"
steps.helped.over = ["fold", "repeat"]

[steps.gan]
system = "cyclegan"

[steps.faces]
kind = "generate"
of = "{gan}"
faces = "train"

[steps.plain]
system = "classifier"
test = true
set = { epochs = 3, lr = 0.5 }

[steps.helped]
system = "classifier"
test = true
set = { generated = "{faces}" }
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = write_blobs(tmp_path)
    write_experiment(tmp_path, AUGMENTED, "helps")
    return workspace


def plan(workspace: Workspace, protocol: str | None = None, preset: str | None = None) -> dict[str, Task]:
    experiment = read_experiment("helps", workspace.root, protocol=protocol, preset=preset)
    return {task.run: task for task in list_tasks(workspace, experiment, find_folds(workspace, experiment))}


def generated(task: Task) -> list[str]:
    text = next(text for text in task.overrides if text.startswith("generated="))
    return text.partition("=")[2].strip('"').replace("training/cyclegan/", "").split(",")


def test_the_first_protocol_is_the_default_and_names_its_runs(workspace: Workspace) -> None:
    tasks = plan(workspace)
    assert list(tasks) == list(plan(workspace, "in-sample"))
    assert generated(tasks["helps.in-sample.helped.fold-2"]) == ["helps.in-sample.gan.fold-2"]


def test_nested_pairs_take_every_pair_that_has_not_seen_the_fold(workspace: Workspace) -> None:
    task = plan(workspace, "nested-pairs")["helps.nested-pairs.helped.fold-2"]
    assert generated(task) == [f"helps.nested-pairs.gan.folds-{pair}" for pair in ("0-2", "1-2", "2-3")]


def test_the_crossed_protocol_takes_the_faces_of_all_other_folds_and_is_said_to_leak(workspace: Workspace) -> None:
    task = plan(workspace, "paper")["helps.paper.helped.fold-2"]
    assert generated(task) == [f"helps.paper.gan.fold-{fold}" for fold in (0, 1, 3)]
    experiment = read_experiment("helps", workspace.root, protocol="paper")
    folds = find_folds(workspace, experiment)
    leaks = audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))
    assert [leak.split(" builds")[0] for leak in leaks] == [f"helped, fold {fold}" for fold in folds]
    write_experiment(
        workspace.root, AUGMENTED.replace('leaky = "the generators have seen the test fold"\n', ""), "helps"
    )
    experiment = read_experiment("helps", workspace.root, protocol="paper")
    with pytest.raises(CheckFailed, match="helped, fold 0 builds upon faces, fold 0, trained with faces of fold 0"):
        audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))


def test_a_preset_changes_the_steps_of_a_system_and_keeps_what_it_does_not_name(workspace: Workspace) -> None:
    steps = read_experiment("helps", workspace.root, preset="smoke").steps
    plain, gan = steps["plain"], steps["gan"]
    assert isinstance(plain, TrainStep)
    assert isinstance(gan, TrainStep)
    assert (plain.preset, dict(plain.settings)) == ("smoke", {"val_share": 0.1, "epochs": 0.1, "lr": 0.5})
    assert (gan.preset, dict(gan.settings)) == ("smoke", {"val_share": 0.1})
    assert "helps.nested-pairs.smoke.helped.fold-0.repeat-1" in plan(workspace, "nested-pairs", "smoke")


@pytest.mark.parametrize(
    ("protocol", "budget"),
    [
        ("in-sample", "12 runs to train (4 of cyclegan, 8 of classifier); 0 of them have finished"),
        ("nested-pairs", "14 runs to train (6 of cyclegan, 8 of classifier); 0 of them have finished"),
    ],
)
def test_what_it_costs_is_told_before(workspace: Workspace, protocol: str, budget: str) -> None:
    assert describe_budget(workspace, list(plan(workspace, protocol).values())) == budget


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps.gan.over", "steps.gun.over", r"changes the step 'gun', did you mean 'gan', and there is no such step"),
        ("systems.classifier", "systems.stargan", r"changes the system 'stargan', and no step trains it"),
        ('about = "seconds"', "", r"\[presets.smoke\] in .* has no about"),
        ("repeats = 2", "repeat = 2", r"'repeat' is no known key in \[presets.smoke\]"),
        (
            "validation = 0.1",
            "validation = 0.7",
            r"validation in \[protocol\] of .* is 0.7; give a number from 0 to 0.5",
        ),
        ('folds = "others"', 'folds = "others"\nsteps.gan.over = "once"', "which is for a step over folds"),
    ],
)
def test_what_is_wrong_is_named(workspace: Workspace, old: str, new: str, words: str) -> None:
    write_experiment(workspace.root, AUGMENTED.replace(old, new), "helps")
    with pytest.raises(FertoolsError, match=words):
        [plan(workspace, protocol, "smoke") for protocol in ("in-sample", "nested-pairs", "paper")]


def test_an_unknown_protocol_or_preset_is_named(workspace: Workspace) -> None:
    with pytest.raises(FertoolsError, match="has no protocol 'nested', did you mean 'nested-pairs'; it has in-sample,"):
        plan(workspace, "nested")
    with pytest.raises(FertoolsError, match="has no preset 'smok', did you mean 'smoke'; it has smoke"):
        plan(workspace, preset="smok")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            'system = "cyclegan"\nset = { val_share = 0 }',
            r"chooses its best state on people whom gan, fold 0 is trained on",
        ),
        ('system = "cyclegan"\nset = { val_share = 0.05 }', r"since its val_share is 0.05 and not 0.1"),
    ],
)
def test_a_generator_that_learns_from_the_validation_people_is_refused(
    workspace: Workspace, setting: str, words: str
) -> None:
    write_experiment(workspace.root, AUGMENTED.replace('system = "cyclegan"', setting), "helps")
    experiment = read_experiment("helps", workspace.root)
    folds = find_folds(workspace, experiment)
    with pytest.raises(CheckFailed, match=words):
        audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))
    promised = AUGMENTED.replace('system = "cyclegan"', setting).replace("validation = 0.1\n", "")
    write_experiment(workspace.root, promised, "helps")
    experiment = read_experiment("helps", workspace.root)
    assert audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds)) == []


@pytest.mark.parametrize("key", ['early_stop = "test-fold"', 'learn_from = "all"'])
def test_a_recipe_that_leaks_by_itself_is_refused(workspace: Workspace, key: str) -> None:
    text = AUGMENTED.replace("epochs = 3, lr = 0.5", f"epochs = 3, {key}")
    write_experiment(workspace.root, text, "helps")
    experiment = read_experiment("helps", workspace.root)
    folds = find_folds(workspace, experiment)
    with pytest.raises(CheckFailed, match="in plain, fold 0, the test people have a part in its own"):
        audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))
