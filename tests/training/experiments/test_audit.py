"""The audit follows what runs and weights have learned from, whatever path or name a step gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fertools.core.errors import CheckFailed
from fertools.core.workspace import Workspace
from fertools.training.experiments.audit import audit
from fertools.training.experiments.definition import read_experiment
from fertools.training.experiments.execution import run_experiment
from fertools.training.experiments.graph import find_folds, list_tasks
from fertools.training.jobs.train import train
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import read_lineage
from tests.training.blobs import blob_rows, write_blobs
from tests.training.experiments.protocols import figures_of, write_experiment

SMALL = "epochs = 0.1, val_share = 0, image_size = 32"
TUNED = f"""
title = "Tuned from a file"

[protocol]
kind = "k-fold"

[steps.tuned]
system = "classifier"
preset = "smoke"
test = true
set = {{ pretrained = "PLACE", {SMALL} }}
"""
NESTED = """
title = "A step that names another's run"

[protocol]
kind = "k-fold"

[steps.source]
system = "classifier"

[steps.tuned]
system = "classifier"
test = true
set = { pretrained = "training/classifier/leaky.source.fold-0/models/network.safetensors" }
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Three people, a fold each, and a run that has learned from folds 0 and 1."""
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"), blob_rows(subjects=3))
    settings = ["epochs=0.1", "val_share=0", "image_size=32", "test_folds=2"]
    train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run="elsewhere")
    return workspace


def find(workspace: Workspace, text: str, name: str = "leaky") -> list[str]:
    experiment = read_experiment(write_experiment(workspace.root, text, name), workspace.root)
    folds = find_folds(workspace, experiment)
    return audit(workspace, experiment, folds, list_tasks(workspace, experiment, folds))


def test_a_copy_of_weights_that_have_seen_test_people_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "published.safetensors"
    shutil.copy(workspace.runs("classifier") / "elsewhere/models/network.safetensors", other)
    with pytest.raises(CheckFailed, match=r"tuned, fold 0 builds upon the weights '.*' \(of the run classifier/else"):
        find(workspace, TUNED.replace("PLACE", str(other)))
    text = TUNED.replace("PLACE", str(other)).replace('kind = "k-fold"', 'kind = "k-fold"\nleaky = "declared"')
    leaks = find(workspace, text)
    assert [leak.split(" builds")[0] for leak in leaks] == ["tuned, fold 0", "tuned, fold 1"]
    assert "(p00)" in leaks[0]


def test_a_run_named_by_its_place_is_a_step_that_it_builds_upon(workspace: Workspace) -> None:
    with pytest.raises(CheckFailed, match=r"tuned, fold 1 builds upon source, fold 0, trained with faces of fold 1"):
        find(workspace, NESTED)


def test_weights_without_a_known_origin_prove_nothing(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "own.pth").write_bytes(b"?")
    assert find(workspace, TUNED.replace("PLACE", str(tmp_path / "own.pth"))) == []


def test_a_declared_leak_is_trained_recorded_and_repeated(workspace: Workspace) -> None:
    place = "training/classifier/elsewhere/models/network.safetensors"
    text = TUNED.replace("PLACE", place).replace('kind = "k-fold"', 'kind = "k-fold"\nleaky = "It is declared."')
    write_experiment(workspace.root, text, "declared")
    result = run_experiment(workspace, "declared", device="cpu")
    assert result.finished
    assert len(figures_of(result)["protocol"]["leaks"]) == 2
    lineages = [read_lineage(RunFolder(workspace.runs("classifier") / f"declared.tuned.fold-{k}")) for k in range(3)]
    assert [len(lineage.record["leaks"]) for lineage in lineages if lineage] == [1, 1, 0]
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "Test faces have a part in training: It is declared." in page
    assert "tuned, fold 0 builds upon the weights" in page
    # Once the file no longer declares it, the runs that are there are found out.
    write_experiment(workspace.root, text.replace('\nleaky = "It is declared."', ""), "declared")
    with pytest.raises(CheckFailed, match="builds upon the weights"):
        run_experiment(workspace, "declared", device="cpu")
