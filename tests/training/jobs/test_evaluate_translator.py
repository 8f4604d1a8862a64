"""`evaluate` with networks from end to end, by small ones with random weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from fertools.core.errors import InputError, Interrupted, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.evaluation.cached_outputs import list_outputs
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.jobs.evaluate import evaluate_runs
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.jobs.gan_train import gan_train_folder, generated_and_held_out
from fertools.training.jobs.generate import generate
from fertools.training.networks.facenet import Facenet
from fertools.training.networks.inception import Inception
from fertools.training.runs.job import Job
from fertools.training.runs.load import load_predictor, load_translator
from tests.training.evaluation.trained_runs import JUDGE, TRANSLATOR, save_lively, train_both, train_judge
from tests.training.tiny import read_record


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = train_both(tmp_path_factory.mktemp("people"))
    save_lively(workspace.root / "inception.pth", Inception())
    save_lively(workspace.root / "facenet.pt", Facenet())
    return workspace


@pytest.fixture
def workspace(trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    # As small as the network goes, which is a sixteenth of the work.
    monkeypatch.setattr("fertools.training.networks.inception.SIZE_PX", 75)
    shutil.copytree(trained.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


def test_networks_read_made_and_real_faces_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    root = workspace.root / "training" / TRANSLATOR
    options: dict[str, Any] = {"features": "inception.pth", "identity": "facenet.pt", "device": "cpu"}
    before = (root / "report.html").read_text(encoding="utf-8")
    assert "fertools evaluate stargan/smoke --judge classifier/RUN" in before
    assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], **options))
    found = compute_translation_metrics(root)
    assert list(found["judges"]) == [JUDGE]
    assert found["features"]["inception.pth"]["all"]["fid"] > 0
    assert found["features"]["inception.pth"]["floor"]["generated"] == 28
    assert -1 <= found["identity"]["facenet.pt"]["cosine"]["pooled"] < 1
    typed = evaluate_runs(workspace, [TRANSLATOR]).translations[TRANSLATOR]
    assert typed.reconstruction["l1"].value == found["reconstruction"]["measures"]["l1"]["pooled"]
    accuracy = found["judges"][JUDGE]["generated"]["classification"]["measures"]["accuracy"]["pooled"]
    assert typed.judges[JUDGE].classification["accuracy"].value == accuracy
    distance = typed.features["inception.pth"]
    assert distance is not None
    assert distance.fid == found["features"]["inception.pth"]["all"]["fid"]
    assert typed.identity["facenet.pt"].value == found["identity"]["facenet.pt"]["cosine"]["pooled"]
    assert (typed.faces, typed.generated, typed.waiting, typed.truth) == (4, 28, (), {})
    (features,) = list_outputs(root, "features")
    assert len(features.names) == 4 * 7 + 14 + 28
    page = (root / "report.html").read_text(encoding="utf-8")
    for words in (
        "Metrics of the generated faces",
        f"Expressions predicted by {JUDGE}",
        "the same faces, unchanged",
        "Distance to real faces in the features of inception.pth",
        "Identity: cosine similarity to the input face",
        "fertools evaluate stargan/smoke --judge classifier/RUN --gan-train",
    ):
        assert words in page, words

    def refuse(*_: object) -> None:
        raise AssertionError("a picture was read twice")

    monkeypatch.setattr("fertools.training.evaluation.evaluation_networks.extract_features", refuse)
    assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], **options))
    generate(workspace, TRANSLATOR, emotions=["fear"], device="cpu")
    assert compute_translation_metrics(root)["waiting"] == [JUDGE, "inception.pth", "facenet.pt"]
    assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], device="cpu"))
    assert compute_translation_metrics(root)["waiting"] == ["inception.pth", "facenet.pt"]


def test_a_classifier_learns_from_made_faces_and_is_tried_on_real_ones(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace.root / "training" / TRANSLATOR
    with pytest.raises(
        InputError, match=r'run `fertools\.generate\(workspace, "stargan/smoke", which="train"\)` first'
    ):
        assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], gan_train=True, device="cpu"))
    assert not (root / "network-outputs").exists(), "refused before anything was read"
    generate(workspace, TRANSLATOR, which="train", device="cpu")
    faces = generated_and_held_out(workspace, load_translator(workspace, TRANSLATOR), load_predictor(workspace, JUDGE))
    learned = faces.table.take(np.flatnonzero(~faces.held_out))
    assert len(learned) == 28 * 7
    assert learned["emotion"].equals(learned["target_emotion"])
    assert not set(learned["subject_id"].to_pylist()) & {"p00", "p03"}
    assert pc.all(pc.is_null(faces.table.take(np.flatnonzero(faces.held_out))["parent_id"])).as_py()

    def stop(job: Job, recipe: object) -> None:
        del recipe
        job.write()
        raise Interrupted("stopped")

    folder = gan_train_folder(root, JUDGE)
    with monkeypatch.context() as patch:
        patch.setattr("fertools.training.jobs.gan_train.train_networks", stop)
        with pytest.raises(Interrupted):
            assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], gan_train=True, device="cpu"))
    assert not read_record(folder.root)["finished"]
    assert compute_translation_metrics(root)["gan_train"] == {}
    assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], gan_train=True, device="cpu"))
    said = read_predictions(folder.predictions_path())
    held_out = store.read_faces(workspace)
    held_out = held_out.filter(pc.equal(held_out["fold"], 0))
    assert said.table["face_id"].to_pylist() == sorted(held_out["face_id"].to_pylist())
    record = read_record(folder.root)
    assert (record["finished"], record["recipe"]["image_size"]["value"]) == (True, 32)
    assert record["data"]["train"]["faces"] + record["data"]["val"]["faces"] == 28 * 7
    found = compute_translation_metrics(root)["gan_train"]["classifier_smoke"]
    assert found["classification"]["faces"] == 14
    assert "GAN-train with the recipe of classifier_smoke" in (root / "report.html").read_text(encoding="utf-8")

    stamp = folder.model_path("network").stat().st_mtime_ns
    assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], gan_train=True, device="cpu"))
    assert folder.model_path("network").stat().st_mtime_ns == stamp, "it is finished"
    (workspace.generated / "stargan-smoke.parquet").unlink()
    generate(workspace, TRANSLATOR, which="train", emotions=["fear", "anger"], device="cpu")
    with pytest.raises(ResumeRefused, match="begun with other generated faces"):
        assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], gan_train=True, device="cpu"))


def test_what_gan_train_cannot_be_done_with_is_named(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="name one with `judges`"):
        assess(workspace, TRANSLATOR, EvaluationOptions(gan_train=True, device="cpu"))
    train_judge(workspace, "task=emotion+va", "classes=anger, fear", run="two")
    generate(workspace, TRANSLATOR, which="train", device="cpu")
    two = load_predictor(workspace, "classifier/two")
    faces = generated_and_held_out(workspace, load_translator(workspace, TRANSLATOR), two)
    assert len(faces.rows("train")) + len(faces.rows("val")) == 28 * 2, "expressions that it does not know are left out"
