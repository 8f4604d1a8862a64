"""HA-GAN on drawn people and characters, from training to the report, and interrupted on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.inference.model import load_model
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.pixel_cache import read_crop
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.drawn_truth import draw_truths, truth_paths
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import read_translations
from fertools.training.jobs.train import TrainResult, train
from fertools.training.runs.load import load_translator
from fertools.training.systems.ha_gan import ENTRY
from fertools.training.systems.ha_gan.system import HaGan
from tests.training.drawn_pairs import write_drawn_pairs
from tests.training.evaluation.test_drawn_truth import write_drawn
from tests.training.interrupted import interrupt_and_resume
from tests.training.tiny import lasting, read_record

RUN = "ha-gan/smoke"


def train_smoke(workspace: Workspace, *overrides: str, run: str = "smoke") -> TrainResult:
    return train(workspace, "ha-gan", preset="smoke", overrides=overrides, device="cpu", run=run)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = write_drawn_pairs(tmp_path_factory.mktemp("played"), people=4, modalities=("visible", "animated"))
    train_smoke(workspace)
    return workspace


def test_a_run_recognises_and_draws(trained: Workspace) -> None:
    root = trained.root / "training" / RUN
    record = read_record(root)
    sides = record["data"]["domains"]
    # Three people train, with six expressions; the fourth is tested. One neutral picture of the character is needed.
    assert {name: side["train"]["faces"] for name, side in sides.items()} == {
        "human": 18,
        "character": 18,
        "neutral": 1,
    }
    # 18 faces in five crops and mirrored, by batches of 8.
    assert record["iterations"] == -(-18 * 10 // 8)
    predictions = read_predictions(root / "predictions.parquet")
    assert len(predictions.table) == 6
    assert set(predictions.table["modality"].to_pylist()) == {"visible"}
    last = read_journal(root / "metrics.jsonl")[-1]
    assert {name for name in last if "loss" in name} <= set(ENTRY.terms)
    assert (root / "samples").is_dir()
    assert "HA-GAN" in (root / "report.html").read_text(encoding="utf-8")


def test_the_one_model_file_predicts_and_draws(trained: Workspace) -> None:
    root = trained.root / "training" / RUN
    assert [path.name for path in (root / "models").iterdir()] == ["recogniser.safetensors"]
    model = load_model(root, device="cpu")
    assert (model.info.crop.size_px, model.info.crop.of_px) == (32, 38)
    assert model.targets == ("animated",)
    face = np.full((60, 60, 3), 120, np.uint8)
    assert model.translate(face, "animated", aligned=True).shape == (32, 32, 3)
    (found,) = model.predict([face], aligned=True)
    assert set(found.probabilities) == {"anger", "disgust", "fear", "happiness", "sadness", "surprise"}


def test_drawn_faces_are_measured_beside_the_true_character(tmp_path: Path) -> None:
    workspace = write_drawn(tmp_path, ("visible", "animated"))
    result = train_smoke(workspace, "translate_faces=0")
    (generated,) = workspace.generated.glob("*.parquet")
    rows = pq.read_table(generated).to_pylist()
    assert {row["modality"] for row in rows} == {"animated"}
    assert len({row["target_emotion"] for row in rows}) == len(rows) == 6
    translator, table = load_translator(workspace, RUN), read_translations(result.path)
    draw_truths(workspace, translator, table, Silent())
    # The truth has the alignment and the view of the real faces of the character.
    faces, view = store.read_faces(workspace).to_pylist(), translator.recipe.view
    by_emotion = {row["emotion"]: row["path"] for row in faces if (row["modality"], row["fold"]) == ("animated", 0)}
    for path, emotion in zip(truth_paths(result.path, table), table["target_emotion"].to_pylist(), strict=True):
        real = read_crop(workspace.root / by_emotion[emotion], view).astype(int)
        assert np.abs(read_crop(path, 32).astype(int) - real).mean() < 3
    truth = compute_translation_metrics(result.path)["truth"]
    assert truth["faces"] == 6


def test_an_interrupted_run_is_the_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Workspace
) -> None:
    workspace = write_drawn_pairs(tmp_path, people=4, modalities=("visible", "animated"))
    resumed = interrupt_and_resume(monkeypatch, HaGan, lambda: train_smoke(workspace), after=12, of=23)
    assert resumed == lasting(trained.root / "training" / RUN)


def test_a_named_character_trains_in_every_fold(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=4, modalities=("visible", "animated"))
    rows = store.read_faces(workspace).to_pylist()
    for row in rows:
        if row["modality"] == "animated":
            row |= {"subject_id": "mery", "fold": 0, "pair_id": None}
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    with pytest.raises(InputError, match="no animated face is of the character 'ray'; the subjects are mery; set"):
        train_smoke(workspace, "character=ray")
    result = train_smoke(workspace, "character=mery", "z_dim=0")
    sides = read_record(result.path)["data"]["domains"]
    assert sides["character"]["train"]["faces"] == 24
    assert "test" not in sides["character"]


def test_a_character_without_a_needed_picture_is_refused(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=4, modalities=("visible", "animated"))
    rows = store.read_faces(workspace).to_pylist()
    for row in rows:
        if row["modality"] == "animated" and row["emotion"] == "neutral":
            row["emotion"] = None
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    with pytest.raises(InputError, match="neutral"):
        train_smoke(workspace)
    train_smoke(workspace, "lambda_pixel=0")
    for row in rows:
        if row["modality"] == "animated" and row["emotion"] == "fear":
            row["emotion"] = None
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    with pytest.raises(InputError, match="no training face of the domain character shows fear"):
        train_smoke(workspace, "lambda_pixel=0", run="other")


def test_the_baseline_needs_no_character(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=4, modalities=("visible",))
    result = train_smoke(workspace, "method=baseline")
    assert result.evaluation is not None
    record = read_record(result.path)
    assert record["iterations"] == -(-18 * 10 // 8)
    assert not (result.path / "generated").exists()
