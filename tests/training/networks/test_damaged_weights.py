"""Weights with flipped bytes are refused by name wherever they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import InputError, Interrupted
from fertools.core.workspace import Workspace
from fertools.faces.detection.mtcnn.weights import load_weights, save_weights
from fertools.training.engine.checkpoint import best_path
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.jobs.generate import generate
from fertools.training.jobs.train import train
from tests.training.blobs import write_blobs
from tests.training.engine.test_checkpoint import flip
from tests.training.evaluation.trained_runs import JUDGE, TRANSLATOR, train_both
from tests.training.runs.test_pixel_identity import Stopped
from tests.training.tiny import train_tiny


def test_a_run_names_the_checkpoint_that_it_can_go_on_from(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    often = ("checkpoint_every=1", "keep_checkpoints=2")
    with pytest.raises(Interrupted):
        train_tiny(workspace, *often, report=Stopped())
    folder = workspace.runs("stargan") / "smoke"
    before, newest = sorted((folder / "checkpoints").glob("*.safetensors"))
    flip(newest)
    words = f"{newest.name} is damaged.* remove {newest.name} to resume from {before.name}"
    with pytest.raises(InputError, match=words):
        train_tiny(workspace, *often)
    newest.unlink()
    assert train_tiny(workspace, *often).new_iterations == 6 - int(before.stem)


def test_a_damaged_best_state_is_found_before_the_rest_is_trained(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    options = {"preset": "smoke", "overrides": ("epochs=9", "val_share=0.3"), "device": "cpu"}
    with pytest.raises(Interrupted):
        train(workspace, "classifier", report=Stopped(), **options)  # type: ignore[arg-type]
    best = best_path(workspace.runs("classifier") / "smoke/checkpoints")
    flip(best)
    with pytest.raises(InputError, match=r"best\.safetensors is damaged.*`resume=False`"):
        train(workspace, "classifier", **options)  # type: ignore[arg-type]
    best.unlink()
    with pytest.raises(InputError, match=r"best\.safetensors cannot be read"):
        train(workspace, "classifier", **options)  # type: ignore[arg-type]


def test_nobody_generates_judges_chooses_or_begins_with_damaged_weights(tmp_path: Path) -> None:
    workspace: Workspace = train_both(tmp_path)
    weights = workspace.runs("classifier") / "smoke/models/network.safetensors"
    flip(weights)
    with pytest.raises(InputError, match=r"classifier/smoke/models/network\.safetensors is damaged"):
        assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], device="cpu"))
    with pytest.raises(InputError, match=r"classifier/smoke/models/network\.safetensors is damaged"):
        train_tiny(workspace, f"judge={JUDGE}", "val_share=0.3", run="judged")
    begun = ("image_size=32", f"pretrained={weights}")
    with pytest.raises(InputError, match=r"classifier/smoke/models/network\.safetensors is damaged"):
        train(workspace, "classifier", preset="smoke", overrides=begun, device="cpu", run="tuned")
    flip(max((workspace.runs("stargan") / "smoke/checkpoints").glob("*.safetensors")))
    with pytest.raises(InputError, match=r"00000006\.safetensors is damaged.*`resume=False`"):
        generate(workspace, TRANSLATOR, device="cpu")


def test_the_detector_takes_no_damaged_weights(tmp_path: Path) -> None:
    path = tmp_path / "mtcnn.safetensors"
    save_weights(path, load_weights())
    assert load_weights(path).digest == load_weights().digest
    flip(path)
    with pytest.raises(InputError, match=r"mtcnn\.safetensors is damaged"):
        load_weights(path)
