"""Which runs an experiment has, what each has seen, and protocols that leak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fertools.core.errors import CheckFailed, InputError, RecipeError
from fertools.core.workspace import Workspace
from fertools.training.experiments.audit import audit
from fertools.training.experiments.definition import read_experiment
from fertools.training.experiments.graph import find_folds, list_tasks, needed_by
from tests.training.blobs import blob_rows, write_blobs
from tests.training.experiments.protocols import TWO_STEPS, write_experiment


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_blobs(tmp_path)


def test_every_fold_has_its_runs_in_order(workspace: Workspace) -> None:
    experiment = read_experiment(write_experiment(workspace.root), workspace.root)
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    assert folds == (0, 1, 2, 3)
    assert len({task.run for task in tasks}) == 12
    task = next(task for task in tasks if task.run == "two.tuned.fold-2")
    assert task.overrides == (
        'pretrained="training/classifier/two.source.fold-2/models/network.safetensors"',
        "lr=0.001",
        "flip=false",
        "test_folds=[2]",
    )
    assert [other.run for other in needed_by(task, tasks)] == ["two.source.fold-2"]
    assert audit(workspace, experiment, folds, tasks) == []


SHARED = TWO_STEPS.replace("[steps.source]", '[steps.source]\nover = "once"')


def test_building_upon_one_run_that_saw_the_test_fold_is_refused(workspace: Workspace) -> None:
    experiment = read_experiment(write_experiment(workspace.root, SHARED), workspace.root)
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    with pytest.raises(CheckFailed, match=r"tuned, fold 1 builds upon source, trained with faces of fold 1; 2 more"):
        audit(workspace, experiment, folds, tasks)


def test_what_a_run_was_built_upon_counts_however_far_back(workspace: Workspace) -> None:
    text = (
        SHARED.replace("{source}", "{middle}")
        + '\n[steps.middle]\nsystem = "classifier"\nset = { pretrained = "{source}/x" }\n'
    )
    experiment = read_experiment(write_experiment(workspace.root, text), workspace.root)
    folds = find_folds(workspace, experiment)
    with pytest.raises(CheckFailed, match="builds upon middle, fold 1"):
        audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))


def test_a_protocol_that_says_that_it_leaks_may(workspace: Workspace) -> None:
    text = SHARED.replace("folds = 4", 'folds = 4\nleaky = "the source is trained once"')
    experiment = read_experiment(write_experiment(workspace.root, text), workspace.root)
    folds = find_folds(workspace, experiment)
    assert len(audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))) == 3


def test_a_person_in_two_folds_is_a_leak(tmp_path: Path) -> None:
    rows = blob_rows()
    rows[0]["fold"] = 1
    workspace = write_blobs(tmp_path, rows)
    experiment = read_experiment(write_experiment(tmp_path), tmp_path)
    folds = find_folds(workspace, experiment)
    with pytest.raises(CheckFailed, match="in the manifest, subject p00 is in fold 0 and fold 1"):
        audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))


@pytest.mark.parametrize(
    ("protocol", "columns", "words"),
    [
        ("folds = 5", {}, r"goes over 5 folds, and .* has 4; run `fertools\.split\(workspace, folds=5"),
        ("folds = 4", {"fold": None}, "has none"),
        ('kind = "leave-one-subject-out"', {"subject_id": None}, None),
        ('kind = "leave-one-subject-out"', {"fold": 0}, "loso=True"),
        ('kind = "hold-out"', {"fold": None}, "holdout=0.1"),
    ],
)
def test_a_manifest_that_is_split_otherwise(
    tmp_path: Path, protocol: str, columns: dict[str, Any], words: str | None
) -> None:
    text = TWO_STEPS.replace('kind = "k-fold"\nfolds = 4', protocol)
    workspace = write_blobs(tmp_path, blob_rows(**columns))
    experiment = read_experiment(write_experiment(tmp_path, text), tmp_path)
    if words is None:
        assert find_folds(workspace, experiment) == (0, 1, 2, 3)
        return
    with pytest.raises(InputError, match=words):
        find_folds(workspace, experiment)


def test_a_hold_out_is_one_fold(tmp_path: Path) -> None:
    text = TWO_STEPS.replace('kind = "k-fold"\nfolds = 4', 'kind = "hold-out"')
    workspace = write_blobs(tmp_path, blob_rows(fold=None, split="test"))
    experiment = read_experiment(write_experiment(tmp_path, text), tmp_path)
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    assert [task.run for task in tasks] == ["two.plain.fold-0", "two.source.fold-0", "two.tuned.fold-0"]
    assert audit(workspace, experiment, folds, tasks) == []


PAIRS = """
title = "Pairs and repeats"

[protocol]
kind = "k-fold"
repeats = 2

[steps.gan]
system = "stargan"
over = "pair"

[steps.faces]
kind = "generate"
of = "{gan}"
over = "pair"

[steps.plain]
system = "classifier"
over = ["fold", "repeat"]
test = true

[steps.added]
system = "classifier"
test = true
over = ["fold", "repeat"]
set = { generated = "{faces}", seed = 5 }
"""


def test_a_fold_builds_upon_every_pair_that_it_is_in(workspace: Workspace) -> None:
    experiment = read_experiment(write_experiment(workspace.root, PAIRS), workspace.root)
    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    by_step = {name: [task for task in tasks if task.step.name == name] for name in experiment.steps}
    assert {name: len(found) for name, found in by_step.items()} == {"gan": 6, "faces": 6, "plain": 8, "added": 8}
    gan = by_step["gan"][1]
    assert (gan.run, gan.test_folds, gan.words) == ("two.gan.folds-0-2", (0, 2), "gan, folds 0 and 2")
    assert gan.overrides == ("test_folds=[0, 2]",)
    assert by_step["faces"][1].folders == ("training/stargan/two.gan.folds-0-2",)
    added = next(task for task in tasks if task.run == "two.added.fold-2.repeat-1")
    assert added.words == "added, fold 2, repeat 1"
    runs = ",".join(f"training/stargan/two.gan.folds-{pair}" for pair in ("0-2", "1-2", "2-3"))
    assert added.overrides == (f'generated="{runs}"', "seed=6", "test_folds=[2]")
    assert [task.run for task in needed_by(added, tasks)] == [f"two.faces.folds-{p}" for p in ("0-2", "1-2", "2-3")]
    assert audit(workspace, experiment, folds, tasks) == []


def test_a_fold_that_builds_upon_faces_of_its_own_fold_alone_leaks(workspace: Workspace) -> None:
    once = PAIRS.replace('over = "pair"', 'over = "once"')
    experiment = read_experiment(write_experiment(workspace.root, once), workspace.root)
    folds = find_folds(workspace, experiment)
    with pytest.raises(CheckFailed, match=r"added, fold 1, repeat 0 builds upon faces, trained with faces of fold 1"):
        audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))


def test_two_folds_have_no_pair_to_train_on_and_one_repeat_is_none(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(subjects=2))
    experiment = read_experiment(write_experiment(tmp_path, PAIRS), tmp_path)
    with pytest.raises(InputError, match="split into 3 folds or more"):
        list_tasks(workspace, experiment, find_folds(workspace, experiment))
    text = PAIRS.replace("repeats = 2", "").replace('over = "pair"', 'over = "fold"')
    experiment = read_experiment(write_experiment(tmp_path, text), tmp_path)
    with pytest.raises(InputError, match="write repeats = 2 or more"):
        list_tasks(workspace, experiment, find_folds(workspace, experiment))


COMPLETE = PAIRS.replace("repeats = 2", "repeats = 2\nnew_folds = true").replace(
    'over = "pair"', 'over = ["pair", "repeat"]'
)


def test_a_complete_repeat_has_other_folds_for_every_step(workspace: Workspace) -> None:
    experiment = read_experiment(write_experiment(workspace.root, COMPLETE), workspace.root)
    tasks = list_tasks(workspace, experiment, find_folds(workspace, experiment))
    by_run = {task.run: task for task in tasks}
    first, second = by_run["two.added.fold-1.repeat-0"], by_run["two.added.fold-1.repeat-1"]
    assert not any(text.startswith("split_seed") for text in first.overrides)
    assert "split_seed=1" in second.overrides
    assert all(task.split_seed == second.repeat for task in needed_by(second, tasks))


def test_a_step_over_folds_alone_does_not_fit_folds_that_change(workspace: Workspace) -> None:
    wrong = PAIRS.replace("repeats = 2", "repeats = 2\nnew_folds = true")
    with pytest.raises(RecipeError, match="runs over folds, and new_folds = true gives each"):
        read_experiment(write_experiment(workspace.root, wrong), workspace.root)
    for value in ("1", '"yes"'):
        with pytest.raises(RecipeError, match="new_folds in"):
            read_experiment(
                write_experiment(workspace.root, COMPLETE.replace("= true", f"= {value}", 1)), workspace.root
            )
