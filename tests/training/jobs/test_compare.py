"""`compare_runs`: stored predictions, predictions of another dataset, leaks, and the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.inference.model import load_model
from fertools.training.evaluation.predictions import read_predictions, write_predictions
from fertools.training.jobs.compare import compare_runs
from fertools.training.jobs.evaluate import evaluate_runs
from fertools.training.jobs.train import train
from tests.training.blobs import blob_rows, write_blobs
from tests.training.evaluation.trained_runs import train_judge
from tests.training.guesses import invent

NETWORK, MACHINE, OTHER = "classifier/smoke", "svm/smoke", "classifier/fold-1"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return six people of a laboratory in three folds, and five of the wild in none, with runs on the first."""
    rows = blob_rows(subjects=11)
    for row in rows:
        wild = row["fold"] >= 6
        row |= {"dataset": "wild" if wild else "lab", "fold": None if wild else row["fold"] % 3}
    workspace = write_blobs(tmp_path_factory.mktemp("compared"), rows)
    train_judge(workspace)
    train_judge(workspace, "test_folds=1", run="fold-1")
    train(workspace, "svm", preset="smoke", overrides=("image_size=32",), device="cpu")
    return workspace


@pytest.fixture
def workspace(trained: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(trained.root, tmp_path, dirs_exist_ok=True)
    return Workspace(tmp_path)


def test_runs_of_two_systems_are_compared_on_their_held_out_faces(workspace: Workspace) -> None:
    found = compare_runs(workspace, [NETWORK, MACHINE])
    alone = evaluate_runs(workspace, [NETWORK, MACHINE])
    assert (found.faces, found.people) == (14, 2)
    assert dict(found.left_out) == {NETWORK: 0, MACHINE: 0}
    for name in (NETWORK, MACHINE):
        assert found.evaluation.predictions[name] == alone.predictions[name]
    (test,) = found.evaluation.comparisons
    assert (test.first, test.second, test.faces) == (NETWORK, MACHINE, 14)
    assert not found.evaluation.leaks
    assert found.report == workspace.root / "training/comparisons/comparison/report.html"
    figures = json.loads((found.report.parent / "comparison.json").read_text())
    assert figures == found.evaluation.figures
    page = found.report.read_text(encoding="utf-8")
    for words in (NETWORK, MACHINE, "2 runs on one test set", "balanced accuracy (UAR)", "McNemar", "Recall by class"):
        assert words in page
    assert "UAR" in found._repr_html_()


def test_runs_with_other_test_faces_are_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"not tested on the same faces: 0 in common, 14 only in classifier/smoke"):
        compare_runs(workspace, [NETWORK, OTHER])


def test_every_run_predicts_another_dataset_as_its_model_does(workspace: Workspace) -> None:
    found = compare_runs(workspace, [NETWORK, OTHER, MACHINE], on=["wild"], name="wild", device="cpu")
    assert (found.faces, found.people) == (35, 5)
    assert [(entry.first, entry.second) for entry in found.evaluation.comparisons] == [
        (NETWORK, OTHER),
        (NETWORK, MACHINE),
        (OTHER, MACHINE),
    ]
    assert found.evaluation.predictions[NETWORK].classification["balanced_accuracy"].people is not None
    stored = read_predictions(found.report.parent / "classifier-smoke/predictions.parquet")
    names = stored.table["face_id"].to_pylist()
    paths = [workspace.root / f"faces/{name[:2]}/{name}.png" for name in names]
    said = load_model(workspace.root / "training" / NETWORK, device="cpu").predict(paths, aligned=True)
    assert stored.probabilities() == pytest.approx(said.probabilities, abs=1e-5)
    assert stored.trained[0].faces == sum(stored.trained[0].emotions.values()) == 21, "without validation faces"
    # The stored predictions are those of a run like any other.
    again = compare_runs(workspace, ["comparisons/wild/classifier-smoke", "comparisons/wild/svm-smoke"], name="again")
    first, second = again.evaluation.comparisons[0], found.evaluation.comparisons[1]
    assert first.differences == second.differences


def test_an_earlier_comparison_of_the_name_is_replaced(workspace: Workspace) -> None:
    folder = compare_runs(workspace, [NETWORK, OTHER], on=["wild"], device="cpu").report.parent
    compare_runs(workspace, [NETWORK, MACHINE], on=["wild"], device="cpu")
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["classifier-smoke", "svm-smoke"]
    compare_runs(workspace, [NETWORK, MACHINE])
    assert not [path for path in folder.iterdir() if path.is_dir()]


def test_people_that_a_run_has_learned_from_are_refused_left_out_or_allowed(workspace: Workspace) -> None:
    with pytest.raises(CheckFailed, match=r"classifier/smoke has learned from 4 people of the 6 in the test set \(p01"):
        compare_runs(workspace, [NETWORK, MACHINE], on=["lab"], device="cpu")
    found = compare_runs(workspace, [NETWORK, MACHINE], on=["lab"], unseen=True, device="cpu")
    assert (found.faces, found.people, dict(found.evaluation.leaks)) == (14, 2, {})
    held_out = compare_runs(workspace, [NETWORK, MACHINE], name="held-out")
    assert found.evaluation.comparisons[0].differences == held_out.evaluation.comparisons[0].differences
    allowed = compare_runs(workspace, [NETWORK, MACHINE], on=["lab"], allow_leaks=True, device="cpu")
    assert allowed.faces == 42
    assert set(allowed.evaluation.leaks) == {NETWORK, MACHINE}
    assert "has learned from 4 people" in allowed.report.read_text(encoding="utf-8")
    train_judge(workspace, "test_folds=2", run="fold-2")
    with pytest.raises(InputError, match="every person of lab has a part"):
        compare_runs(workspace, [NETWORK, OTHER, "classifier/fold-2"], on=["lab"], unseen=True, device="cpu")


def test_a_model_file_can_be_compared_after_its_run_is_gone(workspace: Workspace) -> None:
    file = workspace.root / "copied.safetensors"
    shutil.move(workspace.root / "training" / OTHER / "models/network.safetensors", file)
    shutil.rmtree(workspace.root / "training" / OTHER)
    found = compare_runs(workspace, [NETWORK, str(file)], on=["wild"], device="cpu")
    assert list(found.evaluation.predictions) == [NETWORK, "copied"]
    with pytest.raises(CheckFailed, match="copied has learned from 4 people"):
        compare_runs(workspace, ["copied.safetensors", NETWORK], on=["lab"], device="cpu")


def test_one_run_can_be_the_reference_of_all_tests(workspace: Workspace) -> None:
    found = compare_runs(workspace, [NETWORK, OTHER, MACHINE], on=["wild"], against=MACHINE, device="cpu")
    tests = found.evaluation.comparisons
    assert [(entry.first, entry.second) for entry in tests] == [(NETWORK, MACHINE), (OTHER, MACHINE)]


def test_an_experiments_methods_are_compared_with_all_their_repeats(workspace: Workspace) -> None:
    folder = workspace.root / "training/experiments/two"
    seeds = [invent(seed=1), invent(seed=2)]
    for number, run in enumerate(seeds):
        write_predictions(folder / f"gan.repeat-{number}/predictions.parquet", run)
    write_predictions(folder / "plain/predictions.parquet", invent(seed=3))
    write_predictions(workspace.root / "training/mine/first/predictions.parquet", invent(seed=4))
    steps = [{"name": "gan", "title": "GAN"}, {"name": "plain", "title": "Plain"}, {"name": "judge", "title": "Judge"}]
    protocol = {"leaky": "it learns from all", "leaks": []}
    (folder / "evaluation.json").write_text(json.dumps({"steps": steps, "protocol": protocol}))
    found = compare_runs(workspace, ["mine/first"], experiments=["two"])
    assert list(found.evaluation.predictions) == ["mine/first", "GAN", "Plain"]
    assert found.evaluation.figures["runs"]["GAN"]["classification"]["repeats"]["count"] == 2
    assert found.evaluation.figures["comparisons"][0]["repeats"] == [1, 2]
    assert set(found.evaluation.leaks) == {"GAN", "Plain"}
    with pytest.raises(InputError, match=r"no finished experiment 'tow' .* did you mean 'two'"):
        compare_runs(workspace, ["mine/first"], experiments=["tow"])


def test_what_cannot_be_compared_is_named(workspace: Workspace) -> None:
    def refuse(words: str, *runs: str, **options: object) -> None:
        with pytest.raises(InputError, match=words):
            compare_runs(workspace, runs, device="cpu", **options)  # type: ignore[arg-type] # each option has its own type

    refuse("needs two runs; there is none")
    refuse("needs two runs; there is classifier/smoke", NETWORK)
    refuse("named twice", NETWORK, NETWORK)
    refuse("did you mean 'classifier/smoke'", "classifier/smok", MACHINE)
    refuse("did you mean 'classifier/smoke'", "classifier/smok", MACHINE, on=["wild"])
    refuse("`on` is 'wilt', did you mean 'wild'", NETWORK, MACHINE, on=["wilt"])
    refuse("wild has no thermal faces, but visible ones", NETWORK, MACHINE, on=["wild"], modality="thermal")
    refuse("name one with `on`", NETWORK, MACHINE, unseen=True)
    refuse("`against` is 'x'; give one of classifier/smoke", NETWORK, MACHINE, against="x")
    refuse("needs networks", NETWORK, experiments=["two"], on=["wild"])
    refuse("cannot be used", NETWORK, MACHINE, name="../x")
