"""The support vector machine: features against plain definitions, decisions against scikit-learn, and whole runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.svm import LinearSVC

from fertools.core.errors import InputError, RecipeError
from fertools.training.data.pixel_cache import read_crop
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.jobs.train import train
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.svm.machine import SupportVectorMachine, compute_features, fit_machine
from fertools.training.systems.svm.recipe import SvmRecipe
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import read_record


def recipe(*overrides: str) -> SvmRecipe:
    return resolve_recipe("svm", SvmRecipe, "smoke", overrides).recipe


def faces(count: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def test_a_histogram_of_gradients_has_a_number_per_block_cell_and_direction() -> None:
    assert compute_features(faces(), recipe()).shape == (3, 3 * 3 * 2 * 2 * 9)
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    upright, flat = (
        compute_features(np.stack([face]), recipe())[0].reshape(-1, 9) for face in (ramp, ramp.swapaxes(0, 1))
    )
    assert set(upright.argmax(axis=1)) != set(flat.argmax(axis=1)), "a gradient across and one down differ in direction"
    assert (upright > 0.4).sum(axis=1).tolist() == [1] * len(upright)


def test_patterns_are_shares_by_region() -> None:
    found = compute_features(faces(), recipe("features=lbp", "lbp_grid=4")).reshape(3, 16, 59)
    np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-6)
    even = compute_features(np.full((1, 32, 32, 3), 90, np.uint8), recipe("features=lbp", "lbp_grid=4"))
    assert (even > 0).sum() < 16 * 10, "an even picture has few patterns"
    changed = faces()
    changed[0, :8, :8] = 0
    difference = np.abs(compute_features(changed, recipe("features=lbp", "lbp_grid=4")).reshape(3, 16, 59) - found).sum(
        axis=2
    )
    assert difference[0, 0] > 0
    assert difference[0, 15] == 0 == difference[1:].sum()


def cloud(count: int, classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    labels = np.arange(count) % classes
    centres = rng.normal(0, 2, (classes, 5))
    return (centres[labels] + rng.normal(0, 1, (count, 5))).astype(np.float32), labels, np.arange(count) // classes % 6


@pytest.mark.parametrize("classes", [2, 4])
def test_decisions_are_those_of_scikit_learn(classes: int) -> None:
    features, labels, people = cloud(120, classes)
    machine = fit_machine(features, labels, people, classes, recipe("class_weights=none", "c=1"))
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    oracle = LinearSVC(C=1, dual=True, max_iter=20_000, random_state=0).fit(scaled, labels)
    decisions = scaled @ machine.weights.T + machine.bias
    expected = oracle.decision_function(scaled)
    np.testing.assert_allclose(decisions if classes > 2 else decisions[:, 1], expected, atol=1e-4)
    shares = machine.probabilities(features)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert (shares.argmax(axis=1) == labels).mean() > 0.8


def test_probabilities_of_strangers_are_neither_sure_nor_shy() -> None:
    """Noise labels: nothing can be known, and probabilities must say so; overfitted values would be near 0 and 1."""
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(60, 200)).astype(np.float32), rng.integers(0, 2, 60)
    machine = fit_machine(features, labels, np.arange(60) % 10, 2, recipe("c=10"))
    strangers = machine.probabilities(rng.normal(size=(200, 200)).astype(np.float32))
    assert 0.5 < strangers.max(axis=1).mean() < 0.75


def test_a_class_that_nobody_shows_gets_next_to_nothing() -> None:
    features, labels, people = cloud(90, 3)
    machine = fit_machine(features, labels, people, 4, recipe())
    assert machine.probabilities(features)[:, 3].max() < 0.05


def test_one_person_is_not_enough() -> None:
    features, labels, people = cloud(30, 3)
    with pytest.raises(InputError, match="show one person"):
        fit_machine(features, labels, people * 0, 3, recipe())


@pytest.mark.parametrize("features", ["hog", "lbp"])
def test_a_run_writes_predictions_that_its_machine_makes_again(tmp_path: Path, features: str) -> None:
    rows = [row for row in blob_rows(6, takes=2) if row["emotion"] in ("happiness", "sadness", "surprise")]
    for row in rows:
        row["fold"] //= 2
    workspace = write_blobs(tmp_path, rows)
    settings = (f"features={features}", "classes=happiness,sadness,surprise", "image_size=48")
    result = train(workspace, "svm", preset="smoke", overrides=settings, device="cpu")
    assert result.evaluation.figures["uar"] > 0.6, "guessing gives a third"
    predictions = read_predictions(result.path / "predictions.parquet")
    machine = SupportVectorMachine(**load_file(result.path / "models/machine.safetensors"))
    paths = {row["face_id"]: row["path"] for row in rows}
    crops = np.stack([read_crop(tmp_path / paths[name], 48) for name in predictions.table["face_id"].to_pylist()])
    expected = machine.probabilities(compute_features(crops, recipe(*settings)))
    np.testing.assert_allclose(predictions.probabilities(), expected, atol=1e-6)
    record = read_record(result.path)
    assert record["finished"]
    assert record["system"] == "svm"
    again = train(workspace, "svm", preset="smoke", overrides=settings, device="cpu")
    assert again.evaluation.figures == result.evaluation.figures
    assert "Support vector machine" in result.report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("override", "words"), [("hog_cell_px=20", "smaller hog_cell_px"), ("classes=x", "two or more")]
)
def test_bad_recipes_are_refused(override: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe(override)
    with pytest.raises(RecipeError, match="give 10 or less"):
        recipe("features=lbp", "lbp_grid=12")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(InputError, match=r"needs scikit-image.*fertools\[baselines\]"):
        compute_features(faces(), recipe())
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(InputError, match="needs scikit-learn"):
        fit_machine(*cloud(30, 3), 3, recipe())
