"""The experiment of HA-GAN: what it trains, that it does not leak, and its rows from the runs to the page."""

from __future__ import annotations

import shutil
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.errors import CheckFailed
from fertools.core.package_data import shipped_folder
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.splits.resplit import resplit
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.experiments.audit import audit, list_recipes
from fertools.training.experiments.definition import read_experiment
from fertools.training.experiments.execution import run_experiment
from fertools.training.experiments.experiment_steps import EvaluateStep, TrainStep
from fertools.training.experiments.graph import Task, list_tasks
from fertools.training.jobs.control_predictions import choose_others
from fertools.training.reports.experiment_tables import experiment_tables
from fertools.training.runs.load import load_predictor
from fertools.training.systems.ha_gan.recipe import HaGanRecipe
from tests.training.drawn_pairs import write_drawn_pairs
from tests.training.experiments.protocols import figures_of, write_experiment

ABLATED = {
    "no-l1": {"lambda_pixel": 0.0},
    "no-z": {"z_dim": 0},
    "no-real": {"lambda_real": 0.0},
    "expression-target": {"l1_target": "expression", "lambda_pixel": 100.0},
    "pair": {"d_input": "pair"},
    "generated": {"d_input": "generated"},
}


def write_cast(root: Path, people: int = 6, folds: int = 3) -> Workspace:
    """Write drawn people, each moment as two frames, and a character for each person, who plays nobody."""
    workspace = write_drawn_pairs(root, people=people, modalities=("visible", "animated"))
    rows = store.read_faces(workspace).to_pylist()
    for row in rows:
        person = int(row["subject_id"][1:])
        row["fold"] %= folds
        if row["modality"] == "animated":
            row |= {"subject_id": f"c{person + 1:02}", "pair_id": None}
        else:
            row |= {"pts_s": 0.0, "track_id": 0}
    again = []
    for row in rows:
        if row["modality"] == "visible":
            name = row["face_id"][::-1]
            path = f"faces/{name[:2]}/{name}.png"
            (root / path).parent.mkdir(exist_ok=True)
            shutil.copy(root / row["path"], root / path)
            again.append(row | {"face_id": name, "path": path, "frame_index": 1, "pts_s": 0.04})
    store.write_table(workspace.manifest, FACES, FACES.table(rows + again))
    return workspace


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return write_cast(tmp_path_factory.mktemp("cast"))


def list_smoke(workspace: Workspace, protocol: str | None = None) -> list[Task]:
    return list_tasks(workspace, read_experiment("ha-gan", protocol=protocol, preset="smoke"), (0, 1, 2))


def recipe_of(workspace: Workspace, task: Task) -> HaGanRecipe:
    assert isinstance(task.step, TrainStep)
    (recipe,) = list_recipes(workspace, task, task.step)
    assert isinstance(recipe, HaGanRecipe)
    return recipe


def test_each_ablation_changes_what_its_name_says_and_nothing_else(cast: Workspace) -> None:
    first = {task.step.name: task for task in reversed(list_smoke(cast)) if isinstance(task.step, TrainStep)}
    whole = vars(recipe_of(cast, first["ha-gan"]))
    for name, changes in ABLATED.items():
        found = vars(recipe_of(cast, first[name]))
        assert {key: value for key, value in found.items() if value != whole[key]} == changes, name
    others = [recipe_of(cast, first[name]) for name in ("ray", "malcolm", "jules", "bonnie", "aia")]
    assert {recipe.character for recipe in others} | {whole["character"]} == {f"c{number:02}" for number in range(1, 7)}
    assert {key for other in others for key, value in vars(other).items() if value != whole[key]} == {"character"}
    assert recipe_of(cast, first["baseline"]).method == "baseline"


@pytest.mark.parametrize("preset", ["middle", "smoke"])
def test_every_generator_is_judged_by_a_classifier_of_its_own_character(cast: Workspace, preset: str) -> None:
    experiment = read_experiment("ha-gan", preset=preset)
    characters = {
        name: step.settings.get("character") for name, step in experiment.steps.items() if isinstance(step, TrainStep)
    }
    measured = [step for step in experiment.steps.values() if isinstance(step, EvaluateStep)]
    assert {step.of.strip("{}") for step in measured} == {
        step.name for step in experiment.tested if step.name != "baseline"
    }
    for step in measured:
        (judge,) = step.judges
        assert characters[judge.strip("{}")] == characters[step.of.strip("{}")]
        assert step.people_probe
        assert step.nearest


def test_two_complete_runs_have_other_seeds_and_folds_and_do_not_leak(cast: Workspace) -> None:
    experiment, tasks = read_experiment("ha-gan", preset="smoke"), list_smoke(cast)
    assert audit(cast, experiment, (0, 1, 2), tasks) == []
    own = [task for task in tasks if task.step.name == "ha-gan"]
    assert Counter((task.repeat, task.split_seed) for task in own) == {(0, 0): 3, (1, 1): 3}
    assert len({recipe_of(cast, task).seed for task in own}) == 2
    assert all(not task.folds for task in tasks if task.step.name.startswith("judge"))


@pytest.mark.parametrize("protocol", ["ten-fold", "ck-plus", "mmi", "oulu-casia"])
def test_a_protocol_takes_its_dataset(cast: Workspace, protocol: str) -> None:
    found = {
        recipe_of(cast, task).human_dataset
        for task in list_smoke(cast, protocol=protocol)
        if isinstance(task.step, TrainStep) and task.step.system == "ha-gan"
    }
    assert found == {"" if protocol == "ten-fold" else protocol}


def test_a_judge_of_people_would_leak(cast: Workspace) -> None:
    """What spares the classifiers of characters from the audit is that they see nobody."""
    text = (shipped_folder("training") / "experiments" / "ha-gan.toml").read_text()
    text = text.replace('modality = "animated", character = "mery"', 'modality = "visible", character = ""')
    text = text.replace('set = { character = "c01", epochs', "set = { epochs").replace(
        'systems.classifier = { preset = "smoke", set = { character = "c01" } }', 'systems.classifier.preset = "smoke"'
    )
    assert "judge" in tomllib.loads(text)["steps"]
    experiment = read_experiment(write_experiment(cast.root, text, "people"), cast.root, preset="smoke")
    with pytest.raises(CheckFailed, match=r"measured.* builds upon judge, trained with faces of fold"):
        audit(cast, experiment, (0, 1, 2), list_tasks(cast, experiment, (0, 1, 2)))


def test_the_papers_three_tables_say_where_classes_differ() -> None:
    reported = read_experiment("ha-gan").reported
    assert Counter(row.table for row in reported) == {"CK+": 9, "MMI": 8, "Oulu-CASIA": 10}
    accuracy = {(row.table, row.step): row.values["accuracy"][0] for row in reported if row.step}
    assert accuracy == {
        ("CK+", "baseline"): 0.9034,
        ("CK+", "ha-gan"): 0.9614,
        ("MMI", "baseline"): 0.5846,
        ("MMI", "ha-gan"): 0.7187,
        ("Oulu-CASIA", "baseline"): 0.7314,
        ("Oulu-CASIA", "ha-gan"): 0.8826,
    }


SHORT = """
title = "Short"

[protocol]
kind = "k-fold"
folds = 2
repeats = 2
new_folds = true

[steps.judge]
system = "classifier"
preset = "smoke"
over = "once"
set = { modality = "animated", character = "c01", classes = "six", val_share = 0, patience = 0, epochs = 0.1 }

[steps.pair]
title = "Pair"
system = "ha-gan"
preset = "smoke"
over = ["fold", "repeat"]
test = true
set = { character = "c01", d_input = "pair", batch_size = 240, translate_faces = 0, analysis_faces = 0, flip = false }

[steps.measured]
kind = "evaluate"
over = ["fold", "repeat"]
of = "{pair}"
judges = ["{judge}"]
people_probe = true
nearest = true

[[reported]]
table = "CK+"
method = "Seven"
classes = 7
accuracy = 0.9

[[reported]]
table = "CK+"
method = "Six"
step = "pair"
classes = 6
accuracy = 0.8
"""


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return write_cast(tmp_path_factory.mktemp("few"), people=4, folds=2)


@pytest.fixture(scope="module")
def finished(few: Workspace) -> Mapping[str, Any]:
    return figures_of(run_experiment(few, write_experiment(few.root, SHORT, "short"), device="cpu"))


def test_the_rows_are_faces_sequences_and_controls(few: Workspace, finished: Mapping[str, Any]) -> None:
    titles = ["Pair", "Pair, human half zeroed", "Pair, human half of another person and expression"]
    assert list(finished["runs"]) == titles
    for scores in finished["runs"].values():
        assert scores["faces"] == 48
        assert (scores["sequences"]["sequences"], scores["sequences"]["frames"]) == (24, 48)
        assert scores["classification"]["measures"]["accuracy"]["folds"]["folds"] == 2
    wanted = resplit(few, store.read_faces(few), 1)
    fold_of = dict(zip(wanted["face_id"].to_pylist(), wanted["fold"].to_pylist(), strict=True))
    folder = few.root / "training/experiments/short"
    for control in ("", ".zeroed", ".other"):
        found = read_predictions(folder / f"pair.repeat-1{control}" / "predictions.parquet")
        assert found.folds().tolist() == [fold_of[name] for name in found.table["face_id"].to_pylist()]
        assert {name.partition(".fold")[0] for name in found.table["run"].to_pylist()} == {"ha-gan/short.pair"}
    page = (few.root / "training/ha-gan/short.pair.fold-0.repeat-0/report.html").read_text(encoding="utf-8")
    assert "human half of another person and expression" in page


def test_the_tables_have_the_paper_the_votes_the_probe_and_the_judge(finished: Mapping[str, Any]) -> None:
    tables = {table.title: table for table in experiment_tables(finished)}
    paper = tables["The paper's numbers beside ours: CK+"]
    assert paper.head == ("", "classes", "accuracy, paper", "accuracy, ours", "accuracy over sequences, ours")
    assert [row[:3] for row in paper.rows] == [("Seven", "7", "0.900"), ("Six", "6", "0.800")]
    assert "Rows of 6 and 7 classes are not comparable." in paper.note
    assert len(tables["Sequences: the vote of their frames"].rows) == 3
    generators = tables["Generators: their faces of held-out people"]
    assert {
        "expression consistency",
        "expression consistency of unchanged inputs",
        "people told apart",
        "people told apart, unchanged inputs",
        "distance to the nearest real face",
    } <= set(generators.head)


def test_another_human_half_is_of_another_person_with_another_expression(
    few: Workspace, finished: Mapping[str, Any]
) -> None:
    assert finished["experiment"] == "short"
    faces = load_predictor(few, "ha-gan/short.pair.fold-0.repeat-0").faces
    rows = faces.rows("test")
    others = choose_others(faces, rows)
    assert others is not None
    people = np.array(faces.table["subject_id"].to_pylist())
    assert (people[others] != people[rows]).all()
    assert (faces.emotions[others] != faces.emotions[rows]).all()
    assert set(others.tolist()) <= set(rows.tolist())
    assert choose_others(faces, rows[:1]) is None
