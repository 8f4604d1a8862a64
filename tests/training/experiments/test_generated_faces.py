"""An experiment with a step of every kind: it ends, and its page shows how good the generated faces are."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from fertools.cli.main import cli
from fertools.core.errors import CheckFailed, InputError, ItemsFailed
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.experiments.beside_results import summarise_generators
from fertools.training.experiments.definition import Experiment, read_experiment
from fertools.training.experiments.execution import ExperimentResult, run_experiment
from fertools.training.experiments.graph import Task, list_tasks
from fertools.training.jobs.evaluate import evaluate_runs
from fertools.training.jobs.train import train
from fertools.training.reports.experiment_tables import experiment_tables
from fertools.training.runs.ancestry import find_known_people, trace_generated
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import read_lineage
from fertools.training.runs.load import load_predictor
from tests.training.blobs import blob_rows, write_blobs
from tests.training.experiments.protocols import figures_of, write_experiment

STARGAN = "iterations = 2, image_size = 16, discriminator_layers = 2, conv_dim = 4, translate_faces = 2"
CLASSIFIER = "epochs = 0.1, val_share = 0, image_size = 32"
ALL_KINDS = f"""
title = "Faces that help"

[protocol]
kind = "k-fold"
folds = 2

[steps.gan]
title = "StarGAN"
system = "stargan"
preset = "smoke"
test = true
set = {{ {STARGAN} }}

[steps.judge]
system = "classifier"
preset = "smoke"
set = {{ {CLASSIFIER} }}

[steps.faces]
kind = "generate"
of = "{{gan}}"
faces = "train"
emotions = ["fear", "happiness"]

[steps.neighbours]
kind = "select"
of = "{{faces}}"
features = "{{judge}}"
count = 2
same_label = true

[steps.measured]
kind = "evaluate"
of = "{{gan}}"
judges = ["{{judge}}"]

[steps.helped]
title = "With generated faces"
system = "classifier"
preset = "smoke"
test = true
set = {{ generated = "{{faces}}", {CLASSIFIER} }}

[steps.chosen]
title = "With selected faces"
system = "classifier"
preset = "smoke"
test = true
set = {{ generated = "{{neighbours}}", {CLASSIFIER} }}
"""
LEAKY = ALL_KINDS.replace("folds = 2", 'folds = 2\nleaky = "one generator learns from everybody"').replace(
    'preset = "smoke"\ntest = true\nset = { iterations',
    'preset = "smoke"\nover = "once"\nset = { test_folds = [1], iterations',
)
"""The same with one generator, which has seen fold 0, for both folds."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return write_blobs(tmp_path_factory.mktemp("blobs"), blob_rows(subjects=2))


@pytest.fixture(scope="module")
def result(workspace: Workspace) -> ExperimentResult:
    write_experiment(workspace.root, ALL_KINDS, "all-kinds")
    return run_experiment(workspace, "all-kinds", device="cpu")


def test_it_ends_with_predictions_and_generated_faces(result: ExperimentResult) -> None:
    assert (result.finished, result.runs, result.done) == (True, 6, 6)
    assert list(figures_of(result)["runs"]) == ["With generated faces", "With selected faces"]
    found = figures_of(result)["translations"]["StarGAN"]
    assert list(found["runs"]) == ["gan, fold 0", "gan, fold 1"]
    for fold, scores in enumerate(found["runs"].values()):
        assert scores["folds"] == [fold]
        assert list(scores["judges"]) == [f"classifier/all-kinds.judge.fold-{fold}"]
    assert set(found["side_by_side"]["folds"]) >= {"consistency", "l1"}
    assert result.evaluation is not None
    assert list(result.evaluation.predictions) == ["With generated faces", "With selected faces"]
    accuracy = figures_of(result)["runs"]["With selected faces"]["classification"]["measures"]["accuracy"]["pooled"]
    assert result.evaluation.predictions["With selected faces"].classification["accuracy"].value == accuracy
    assert result.evaluation.translations["gan, fold 1"].folds == (1,)
    assert [entry.first for entry in result.evaluation.comparisons] == ["With generated faces"]
    titles = [table.title for table in experiment_tables(figures_of(result))]
    assert "StarGAN: generated faces by run" in titles


def test_generators_are_compared_whether_they_are_tested_or_not(result: ExperimentResult, workspace: Workspace) -> None:
    found = figures_of(result)["generators"]["StarGAN"]
    lines = figures_of(result)["translations"]["StarGAN"]["side_by_side"]["runs"].values()
    values = [line["consistency"] for line in lines]
    assert found["runs"] == 2
    assert found["measures"]["consistency"]["mean"] == pytest.approx(np.mean(values))
    assert found["measures"]["consistency"]["sd"] == pytest.approx(np.std(values, ddof=1))
    untested = read_experiment("all-kinds", workspace.root)
    gan = dataclasses.replace(untested.steps["gan"], tested=False)
    untested = dataclasses.replace(untested, steps={**untested.steps, "gan": gan})
    by_step = {name: list_tasks_of(workspace, untested, name) for name in untested.steps}
    assert summarise_generators(workspace, untested, by_step) == figures_of(result)["generators"]
    (table,) = [table for table in experiment_tables(figures_of(result)) if table.title.startswith("Generators")]
    assert table.rows[0][:2] == ("StarGAN", "2")


def list_tasks_of(workspace: Workspace, experiment: Experiment, name: str) -> list[Task]:
    return [task for task in list_tasks(workspace, experiment, (0, 1)) if task.step.name == name]


@pytest.mark.parametrize(
    ("place", "steps"),
    [
        ("set = {{ {} }}\n\n[steps.faces]", "judge and helped"),
        ('generated = "{{neighbours}}", {}', "helped and chosen"),
    ],
)
def test_classifiers_of_one_generator_with_other_classes_are_refused_when_planned(
    tmp_path: Path, place: str, steps: str
) -> None:
    place = place.format(CLASSIFIER)
    changed = ALL_KINDS.replace(place, place.replace(CLASSIFIER, f'classes = "six", {CLASSIFIER}'))
    assert changed != ALL_KINDS
    write_experiment(tmp_path, changed, "mixed")
    write_blobs(tmp_path, blob_rows(subjects=2))
    command = ["experiment", "mixed", "--dry-run", "--workspace", str(tmp_path)]
    words = rf"the steps {steps} are classifiers around the generator gan, and their classes differ \(neutral\)"
    with pytest.raises(InputError, match=words) as raised:
        CliRunner().invoke(cli, command, catch_exceptions=False)
    assert raised.value.exit_code == 2


def test_its_page_shows_both(result: ExperimentResult) -> None:
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    for words in (
        "StarGAN: generated faces by run",
        "expression consistency",
        "StarGAN: the generated faces of gan, fold 1 in full",
        "With generated faces in full",
        "builds upon",
    ):
        assert words in page, words


def test_neighbours_show_the_expression_and_are_of_training_people(
    result: ExperimentResult, workspace: Workspace
) -> None:
    table = pq.read_table(result.folder / "neighbours.fold-0" / "selection.parquet")
    # The one training person shows each expression once; two generated faces of one person show each target.
    assert sorted(set(table["emotion"].to_pylist())) == ["fear", "happiness"]
    assert table["rank"].to_pylist() == [0, 1] * 2
    distances = np.asarray(table["distance"]).reshape(-1, 2)
    assert (distances[:, 0] <= distances[:, 1]).all()
    assert all((workspace.root / path).is_file() for path in table["path"].to_pylist())
    assert all("all-kinds.gan.fold-0" in path for path in table["path"].to_pylist())


def test_who_learns_from_generated_faces_builds_upon_their_generator(workspace: Workspace) -> None:
    lineage = read_lineage(RunFolder(workspace.runs("classifier") / "all-kinds.helped.fold-1"))
    assert lineage is not None
    (ancestor,) = lineage.record["ancestors"]
    assert (ancestor["role"], ancestor["name"]) == ("generated faces", "stargan/all-kinds.gan.fold-1")
    assert ancestor["runs"][0]["test_folds"] == [1]


def generated_in(workspace: Workspace, run: str) -> int:
    record = RunFolder(workspace.runs("classifier") / run).read()
    assert record is not None
    real = len(store.read_faces(workspace, filters=[("fold", "=", 1)]))
    return int(record["data"]["train"]["faces"]) - real


def test_a_step_trains_on_selected_faces_alone(workspace: Workspace, result: ExperimentResult) -> None:
    table = pq.read_table(result.folder / "neighbours.fold-0" / "selection.parquet")
    chosen = set(table["face_id"].to_pylist())
    assert generated_in(workspace, "all-kinds.chosen.fold-0") == len(chosen) == 4
    assert generated_in(workspace, "all-kinds.helped.fold-0") > len(chosen)


def test_the_lineage_goes_through_a_selection_to_generator_and_features(
    workspace: Workspace, result: ExperimentResult, tmp_path: Path
) -> None:
    lineage = read_lineage(RunFolder(workspace.runs("classifier") / "all-kinds.chosen.fold-1"))
    assert lineage is not None
    (ancestor,) = lineage.record["ancestors"]
    assert (ancestor["role"], ancestor["name"]) == ("generated faces", "experiments/all-kinds/neighbours.fold-1")
    selection, generator = ancestor["runs"]
    assert (selection["test_folds"], generator["run"]) == ([1], "stargan/all-kinds.gan.fold-1")
    assert [(entry["role"], entry["name"]) for entry in selection["ancestors"]] == [
        ("generated faces", "stargan/all-kinds.gan.fold-1"),
        ("judge", "classifier/all-kinds.judge.fold-1"),
    ]
    # Whatever it is called: a selection for one fold was made with the people of the other.
    shutil.copytree(result.folder / "neighbours.fold-1", tmp_path / "innocent")
    words = r"was trained on fold 0|would be tested on people whom it has learned from"
    settings = ["epochs=0.1", "val_share=0", "image_size=32", "test_folds=0", f"generated={tmp_path}/innocent"]
    with pytest.raises(CheckFailed, match=words):
        train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run="innocent")


def test_a_selection_for_another_fold_is_refused_even_if_its_generator_has_seen_nobody(
    workspace: Workspace, result: ExperimentResult, tmp_path: Path
) -> None:
    folder = tmp_path / "alone"
    shutil.copytree(result.folder / "neighbours.fold-1", folder)
    ancestor = trace_generated(workspace, str(folder))
    assert ancestor is not None
    tested = store.read_faces(workspace, filters=[("fold", "=", 0)])
    selection_alone = dataclasses.replace(ancestor, lineages=ancestor.lineages[:1])
    (sentence,) = find_known_people(tested, [selection_alone])
    assert "of the run experiments/all-kinds/neighbours.fold-1) learned from 1 person held out here" in sentence


def test_a_protocol_that_leaks_through_its_generator_is_refused_unless_it_says_so(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(subjects=2))
    write_experiment(workspace.root, LEAKY.replace('\nleaky = "one generator learns from everybody"', ""), "quiet")
    with pytest.raises(CheckFailed, match="the experiment 'quiet' leaks"):
        run_experiment(workspace, "quiet", device="cpu")
    write_experiment(workspace.root, LEAKY, "leaky")
    result = run_experiment(workspace, "leaky", device="cpu")
    assert result.finished
    assert "one generator learns from everybody" in (result.folder / "report.html").read_text(encoding="utf-8")
    run = "classifier/leaky.helped.fold-0"
    folder = RunFolder(workspace.root / "training" / run)
    record = folder.read()
    assert record is not None
    assert "stargan/leaky.gan" in record["lineage"]["leaks"][0]
    assert "Test people have a part in training." in folder.report_path.read_text(encoding="utf-8")
    for name in (run, "experiments/leaky/helped"):
        assert list(evaluate_runs(workspace, [name]).leaks) == [name]
    assert not evaluate_runs(workspace, ["classifier/leaky.helped.fold-1"]).leaks, "the generator has not seen fold 1"
    judges = evaluate_runs(workspace, ["stargan/leaky.gan"]).figures["runs"]["stargan/leaky.gan"]["translation"][
        "judges"
    ]
    assert "was trained on 1 of the people" in judges["classifier/leaky.judge.fold-0"]["leak"]
    assert "leak" not in judges["classifier/leaky.judge.fold-1"]
    page = (workspace.root / "training/stargan/leaky.gan/report.html").read_text(encoding="utf-8")
    assert "These numbers leak: classifier/leaky.judge.fold-0 was trained on" in page
    assert load_predictor(workspace, run).record["finished"]
    done = CliRunner().invoke(cli, ["evaluate", "-w", str(workspace.root), run])
    assert f"warning: test people of {run} had a part in its training" in done.stderr
    assert "warning" not in done.stdout


def test_the_same_again_does_nothing_anew(result: ExperimentResult, workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in workspace.root.glob("training/*/*/generated/*/*.png")}
    again = run_experiment(workspace, "all-kinds", device="cpu")
    assert again.evaluation == result.evaluation
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_faces_are_selected_by_pixels_and_none_is_of_a_held_out_person(workspace: Workspace) -> None:
    text = (
        ALL_KINDS.replace('features = "{judge}"\n', "").replace("all-kinds", "pixels").replace("count = 2", "count = 1")
    )
    write_experiment(workspace.root, text, "pixels")
    run_experiment(workspace, "pixels", fold=0, step="gan", device="cpu")
    with pytest.raises(ItemsFailed, match="has no generated faces of people who are not held out"):
        run_experiment(workspace, "pixels", fold=0, step="neighbours", device="cpu")
    run_experiment(workspace, "pixels", fold=0, step="faces", device="cpu")
    run_experiment(workspace, "pixels", fold=0, step="neighbours", device="cpu")
    folder = workspace.runs("experiments") / "pixels" / "neighbours.fold-0"
    assert len(pq.read_table(folder / "selection.parquet")) == 2


@pytest.mark.parametrize("method", ["pca-knn", "tsne-knn"])
def test_faces_are_selected_by_the_first_convolution_of_alexnet(
    workspace: Workspace, result: ExperimentResult, method: str
) -> None:
    chosen = f'features = "alexnet-conv1"\nweights = "random"\nmethod = "{method}"\ncandidates = 3\nsame_label = false'
    old = ALL_KINDS.replace('features = "{judge}"\n', chosen + "\n").replace("same_label = true\n", "")
    name = f"by-{method}"
    write_experiment(workspace.root, old.replace("all-kinds", name), name)
    for step in ("gan", "faces", "neighbours"):
        run_experiment(workspace, name, fold=0, step=step, device="cpu")
    table = pq.read_table(workspace.runs("experiments") / name / "neighbours.fold-0" / "selection.parquet")
    # Seven real faces of the one training person, each with two of three candidates.
    assert table["rank"].to_pylist() == [0, 1] * 7
    assert len(set(table["face_id"].to_pylist())) <= 3
    domains = json.loads((workspace.runs("experiments") / name / "neighbours.fold-0" / "domains.json").read_bytes())
    # Two of the three may be generated from one face.
    assert domains["faces"].pop("source") in (1, 2, 3)
    assert domains["faces"] == {"generated": 3, "target": 7}
    ancestor = trace_generated(workspace, f"experiments/{name}/neighbours.fold-0")
    assert ancestor is not None
    assert ancestor.record()["runs"][0]["features"] == {"weights": "random"}


def test_a_tested_step_without_results_is_said(workspace: Workspace, result: ExperimentResult) -> None:
    (workspace.runs("classifier") / "all-kinds.helped.fold-0" / "predictions.parquet").unlink()
    with pytest.raises(InputError, match=r"helped, fold 0 is tested, and .* holds neither predictions nor generated"):
        run_experiment(workspace, "all-kinds", device="cpu")
