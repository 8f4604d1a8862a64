"""The classifier: its step against plain formulas, the files of a run, and resuming after a kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from fertools.core.errors import InputError, RecipeError, ResumeRefused
from fertools.core.progress import Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.data.batch import Batch
from fertools.training.data.faces import select_faces
from fertools.training.data.pixel_cache import read_crop
from fertools.training.engine.checkpoint import best_path, load_checkpoint
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.jobs.train import TrainResult, train
from fertools.training.networks.backbones import build_backbone
from fertools.training.networks.imagenet import MEAN, STD
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.resolve import describe_presets, resolve_recipe
from fertools.training.systems.classifier.recipe import NETWORK, ClassifierRecipe
from fertools.training.systems.classifier.system import Classifier
from fertools.training.systems.factory import build_system
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import read_record

SMALL = ("width=0.0625", "batch_size=6", "epochs=3", "val_share=0.3")


def recipe(*overrides: str) -> ClassifierRecipe:
    return resolve_recipe("classifier", ClassifierRecipe, "smoke", overrides).recipe


def make_system(*overrides: str) -> Classifier:
    torch.manual_seed(0)
    return Classifier(recipe(*overrides))


def make_batch(count: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(
        torch.randint(7, (count,), generator=generator),
        torch.rand(count, 2, generator=generator) * 2 - 1,
        torch.ones(count),
        torch.full((count, 7), torch.nan),
        torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1,
    )


def only_step(system: Classifier, batch: Batch, mix: Tensor | None = None) -> dict[str, Tensor]:
    draws = {"mix": torch.ones(len(batch.emotions)) if mix is None else mix}
    (step,) = system.iterate(Iteration(0), {FACES: batch}, draws)
    return {**step.terms, "whole": step.loss}


def outputs_of(system: Classifier, images: Tensor) -> Tensor:
    network = system.networks[NETWORK].train()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    outputs: Tensor = network(((images + 1) / 2 - mean) / std)
    return outputs


def test_the_loss_is_the_sum_of_what_the_task_asks_for() -> None:
    system, batch = make_system("task=emotion+va", "va_loss=mse", "lambda_va=3", "label_smoothing=0.1"), make_batch()
    terms = only_step(system, batch)
    outputs = outputs_of(system, batch.images)
    cross = F.cross_entropy(outputs[:, :7], batch.emotions, label_smoothing=0.1)
    squared = F.mse_loss(outputs[:, 7:].tanh(), batch.valence_arousal)
    torch.testing.assert_close(terms["loss_emotion"], cross.detach())
    torch.testing.assert_close(terms["loss_va"], squared.detach())
    torch.testing.assert_close(terms["whole"], cross + 3 * squared)
    assert terms["whole"].requires_grad


@pytest.mark.parametrize(("task", "outputs"), [("emotion", 7), ("va", 2), ("emotion+va", 9)])
def test_the_head_has_what_the_task_asks_for(task: str, outputs: int) -> None:
    system = make_system(f"task={task}")
    assert outputs_of(system, make_batch().images).shape[1] == outputs
    logits, points = system.predict(system.networks[NETWORK].eval(), make_batch().images)
    assert logits.shape[1] + points.shape[1] == outputs
    assert points.abs().max() <= 1 if points.numel() else task == "emotion"


def test_mixup_mixes_neighbours_and_their_labels() -> None:
    system, batch = make_system("mixup=0.4"), make_batch()
    mix = torch.tensor([0.7, 0.7, 0.2, 0.2, 1.0, 1.0])
    loss = only_step(system, batch, mix)["whole"]
    other = torch.tensor([1, 0, 3, 2, 5, 4])
    shares = mix.view(-1, 1, 1, 1)
    outputs = outputs_of(system, shares * batch.images + (1 - shares) * batch.images[other])
    each = [F.cross_entropy(outputs, labels, reduction="none") for labels in (batch.emotions, batch.emotions[other])]
    torch.testing.assert_close(loss, (mix * each[0] + (1 - mix) * each[1]).mean())


def test_mixing_shares_are_drawn_by_pair() -> None:
    system = make_system("mixup=0.4")
    one, same, other = (
        system.draw({FACES: make_batch(7)}, torch.Generator().manual_seed(seed))["mix"] for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(one[0:6:2], one[1:6:2])
    assert one.shape == (7,)
    assert make_system().draw({FACES: make_batch()}, torch.Generator())["mix"].tolist() == [1] * 6


@pytest.mark.parametrize("preset", describe_presets("classifier"))
def test_every_preset_is_a_recipe_with_notes(preset: str) -> None:
    resolved = resolve_recipe("classifier", ClassifierRecipe, preset)
    assert all(entry["note"] for entry in resolved.record().values())


def test_the_paper_preset_is_the_paper() -> None:
    paper = resolve_recipe("classifier", ClassifierRecipe, "paper").recipe
    assert (paper.network, paper.image_size, paper.batch_size, paper.lr, paper.epochs) == (
        "resnet50",
        224,
        32,
        0.01,
        200,
    )
    assert (paper.lr_schedule, paper.optimiser, paper.momentum, paper.weight_decay) == ("constant", "sgd", 0.9, 1e-4)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("network=resnet19", "did you mean 'resnet18'"),
        ("classes=sevn", "did you mean 'seven'"),
        ("classes=fear", "two or more labels"),
        ("classes=fear,fear", "each once"),
        ("network=alexnet", "alexnet needs 63 pixels"),
        ("epochs=0", "there are no weights to test"),
        ("network=timm:any", "width is for our own networks"),
        ("accumulate=9", "accumulate is 9"),
        ("precision_parts=net=bf16", "did you mean 'network'"),
        ("precision_parts=network=half", "choose one of float32, bf16, fp16"),
    ],
)
def test_bad_recipes_are_refused(override: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe(override)


def test_sets_of_classes() -> None:
    assert read_classes("seven") == EMOTIONS
    assert read_classes("six") == tuple(name for name in EMOTIONS if name != "neutral")
    assert read_classes("ck+") == ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")


def test_a_course_is_so_many_epochs() -> None:
    course = recipe("epochs=3", "batch_size=8", "patience=2").course({FACES: 20})
    assert (course.iterations, course.validate_every, course.patience) == (8, 3, 2)
    assert recipe("val_share=0").course({FACES: 20}).validate_every == 0


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return write_blobs(tmp_path_factory.mktemp("blobs"), blob_rows(5))


def train_small(workspace: Workspace, *overrides: str, **options: Any) -> TrainResult:
    return train(workspace, "classifier", preset="smoke", overrides=(*SMALL, *overrides), device="cpu", **options)


@pytest.fixture(scope="module")
def finished(workspace: Workspace) -> TrainResult:
    return train_small(workspace, "task=emotion+va", "ema=0.5", run="finished")


def test_a_run_leaves_all_that_is_promised(workspace: Workspace, finished: TrainResult) -> None:
    record = read_record(finished.path)
    assert record["finished"]
    assert record["system"] == "classifier"
    assert record["start"] == {}, "nothing was begun with"
    assert record["iterations"] == finished.iterations == finished.new_iterations
    assert {side: record["data"][side]["subjects"] for side in ("train", "val", "test")} == {
        "train": 3,
        "val": 1,
        "test": 1,
    }
    assert finished.evaluation.figures["faces"] == 7
    assert 0 <= finished.evaluation.figures["uar"] <= 1
    assert -1 <= finished.evaluation.figures["ccc"] <= 1
    page = finished.report.read_text(encoding="utf-8")
    assert "<td>validation</td>" in page
    assert "macro F1" in page
    assert not list(finished.path.glob("generated*"))


def test_predictions_are_what_the_weights_say_of_faces_nobody_was_trained_on(
    workspace: Workspace, finished: TrainResult
) -> None:
    predictions = read_predictions(finished.path / "predictions.parquet")
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=False, needs_va=False)
    tested = faces.table.take(faces.rows("test"))
    assert predictions.table["face_id"].to_pylist() == tested["face_id"].to_pylist()
    assert predictions.classes == EMOTIONS
    assert predictions.trained[0].faces == 21
    network = build_backbone("resnet18", 9, width=0.0625).eval()
    network.load_state_dict(load_file(finished.path / "models/network.safetensors"))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    for row, path in enumerate(tested["path"].to_pylist()):
        image = torch.from_numpy(read_crop(workspace.root / path, 32)).permute(2, 0, 1) / 255
        with torch.no_grad():
            outputs = network(((image - mean) / std)[None])[0]
        np.testing.assert_allclose(predictions.probabilities()[row], outputs[:7].softmax(0), atol=1e-5)
        points = [predictions.table[f"{name}_predicted"][row].as_py() for name in ("valence", "arousal")]
        np.testing.assert_allclose(points, outputs[7:].tanh(), atol=1e-5)
    right = predictions.probabilities().argmax(axis=1) == predictions.labels()
    assert finished.evaluation.figures["accuracy"] == pytest.approx(right.mean())
    validated = read_predictions(finished.path / "predictions-val.parquet")
    assert set(validated.groups()).isdisjoint(predictions.groups())


def test_the_best_epoch_on_validation_people_is_the_one_that_is_used(finished: TrainResult) -> None:
    entries = [entry for entry in read_journal(finished.path / "metrics.jsonl") if "val/uar" in entry]
    assert len(entries) == 3
    assert all(list(entry)[1] == "val/uar_and_ccc" for entry in entries)
    best = max(entries, key=lambda entry: (entry["val/uar_and_ccc"], -entry["iteration"]))
    assert read_record(finished.path)["used_iteration"] == best["iteration"]
    saved = load_checkpoint(best_path(finished.path / "checkpoints"))
    assert saved.iteration == best["iteration"]
    used = load_file(finished.path / "models/network.safetensors")
    assert all(torch.equal(used[name], saved.tensors[f"averages/network/{name}"]) for name in used)


def test_patience_ends_a_run(workspace: Workspace) -> None:
    result = train_small(workspace, "lr=0", "epochs=30", "patience=2", run="patient")
    entries = [entry for entry in read_journal(result.path / "metrics.jsonl") if "val/uar" in entry]
    # Without a learning rate the running statistics alone move, so that a later epoch may still be better.
    values = [entry["val/uar"] for entry in entries]
    assert len(values) < 30
    assert max(values[-2:]) <= max(values[:-2])
    assert result.new_iterations == entries[-1]["iteration"] < result.iterations


def test_without_validation_the_last_state_is_used(workspace: Workspace) -> None:
    result = train_small(workspace, "val_share=0", "epochs=1", run="last")
    record = read_record(result.path)
    assert record["used_iteration"] == record["iterations"]
    assert not best_path(result.path / "checkpoints").exists()
    assert not (result.path / "predictions-val.parquet").exists()


def test_it_learns_what_can_be_learned(tmp_path: Path) -> None:
    rows = [row for row in blob_rows(16, takes=3) if row["emotion"] in ("happiness", "surprise")]
    for row in rows:
        row["fold"] = 0 if row["fold"] < 4 else 1
    learning = ("width=0.125", "batch_size=12", "epochs=12", "optimiser=adamw", "lr=2e-3", "val_share=0", "flip=true")
    result = train_small(write_blobs(tmp_path, rows), "classes=happiness,surprise", *learning)
    assert result.evaluation.figures["uar"] > 0.9


def test_pretrained_weights_are_begun_with_and_written_down(workspace: Workspace, finished: TrainResult) -> None:
    path = finished.path / "models/network.safetensors"
    result = train_small(workspace, f"pretrained={path}", "epochs=0.01", "lr=0", "val_share=0", run="tuned")
    used, before = load_file(result.path / "models/network.safetensors"), load_file(path)
    assert torch.equal(used["layer3.1.conv2.weight"], before["layer3.1.conv2.weight"])
    assert torch.equal(used["fc.weight"], before["fc.weight"][:7]), "the head without valence and arousal"
    assert read_record(result.path)["start"][NETWORK]["head"] is True
    with pytest.raises(InputError, match="there is no file"):
        train_small(workspace, "pretrained=nowhere.pth", run="none")


def test_votes_take_the_place_of_labels(workspace: Workspace) -> None:
    names = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=False, needs_va=False).table[
        "face_id"
    ]
    lines = [f"{name},0,0,1,0,0,0,0" for name in names.to_pylist()]
    (workspace.root / "votes.csv").write_text("\n".join(["face_id," + ",".join(EMOTIONS), *lines]))
    learning = ("soft_labels=votes.csv", "optimiser=adamw", "lr=0.01", "epochs=8")
    result = train_small(workspace, *learning, run="votes")
    assert read_journal(result.path / "metrics.jsonl")[-2]["loss_emotion"] < 0.5, "all are said to be afraid"
    (workspace.root / "votes.csv").write_text("\n".join(["face_id," + ",".join(EMOTIONS), *lines[1:]]))
    with pytest.raises(ResumeRefused, match="faces, labels or folds have changed"):
        train_small(workspace, *learning, run="votes")


LONG = ("epochs=4", "ema=0.9", "mixup=0.3", "optimiser=adamw", "lr_schedule=cosine", "rotate_deg=10", "erase=0.3")
LASTING = (
    "metrics.jsonl",
    "checkpoints",
    "models/network.safetensors",
    "predictions.parquet",
    "predictions-val.parquet",
)


def lasting(folder: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] in LASTING
    }


def test_killed_at_random_and_resumed_it_is_the_unbroken_run(tmp_path: Path) -> None:
    rows = blob_rows(5)
    settings = (*SMALL, *LONG, "dropout=0.5", "checkpoint_every=2")
    options: dict[str, Any] = {"preset": "smoke", "overrides": settings, "device": "cpu"}
    unbroken = lasting(train(write_blobs(tmp_path / "a", rows), "classifier", **options).path)
    workspace = write_blobs(tmp_path / "b", rows)
    journal = workspace.root / "training/classifier/smoke/metrics.jsonl"
    arguments = [part for key in settings for part in ("--set", key)]
    command = ["-m", "fertools", "train", "classifier", "--preset", "smoke", "--device", "cpu", *arguments]
    lines = random.randrange(1, 16)
    process = subprocess.Popen(
        [sys.executable, *command, "-w", str(workspace.root)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and not (journal.is_file() and len(journal.read_bytes().splitlines()) >= lines):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert lasting(train(workspace, "classifier", **options).path) == unbroken


def test_a_system_begins_with_weights_of_its_seed() -> None:
    first, same, other = (
        build_system(resolve_recipe("classifier", ClassifierRecipe, "smoke", (f"seed={seed}",))).networks[NETWORK]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first.state_dict()["conv1.weight"], same.state_dict()["conv1.weight"])
    assert not torch.equal(first.state_dict()["conv1.weight"], other.state_dict()["conv1.weight"])


def test_a_note_says_what_is_read(workspace: Workspace) -> None:
    class Notes(Silent):
        said: list[str] = []  # noqa: RUF012 - one test, one list

        def note(self, message: str) -> None:
            self.said.append(message)

    train_small(workspace, "epochs=0.1", run="told", report=Notes())
    assert any("predicting 7 held-out faces" in words for words in Notes.said)


def test_a_run_that_holds_out_two_folds_says_of_which_each_face_is(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    run = train_small(workspace, "test_folds=[0,1]", "val_share=0")
    predictions = read_predictions(run.path / "predictions.parquet")
    folds = dict(zip(*(store.read_faces(workspace)[name].to_pylist() for name in ("face_id", "fold")), strict=True))
    assert set(predictions.folds().tolist()) == {0, 1} == set(predictions.trained)
    assert predictions.folds().tolist() == [folds[name] for name in predictions.table["face_id"].to_pylist()]
