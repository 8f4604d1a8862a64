"""Unpaired recognition on drawn people, from training to the report, and interrupted on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.inference.model import load_model
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.batch import Batch
from fertools.training.data.batch_loader import BatchLoader, BatchPlan
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.jobs.evaluate import evaluate_runs
from fertools.training.jobs.train import TrainResult, train
from fertools.training.systems.unpaired import ENTRY
from fertools.training.systems.unpaired.system import Unpaired
from tests.training.drawn_pairs import write_drawn_pairs
from tests.training.interrupted import interrupt_and_resume
from tests.training.tiny import lasting, read_record

RUN = "unpaired/smoke"
NETWORKS = ["decoder", "discriminator_features", "discriminator_predictions", "thermal", "visible"]


def train_smoke(workspace: Workspace, *overrides: str, run: str = "smoke") -> TrainResult:
    settings = ("analysis_faces=0", *overrides)
    return train(workspace, "unpaired", preset="smoke", overrides=settings, device="cpu", run=run)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = write_drawn_pairs(tmp_path_factory.mktemp("pairs"), people=5)
    train_smoke(workspace, "analysis_faces=5")
    return workspace


def test_a_run_learns_from_two_halves_of_the_people(trained: Workspace) -> None:
    record = read_record(trained.root / "training" / RUN)
    sides = record["data"]["domains"]
    assert [sides[name]["train"]["subjects"] for name in ("visible", "thermal")] == [2, 2]
    assert [sides[name]["test"]["subjects"] for name in ("visible", "thermal")] == [1, 1]
    # 14 visible faces are 2 batches of 8, in each stage one epoch.
    assert record["iterations"] == 4
    assert sorted(record["parameters"]) == NETWORKS
    assert record["lineage"]["people"] == 4


def test_compiling_reaches_the_guidance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Workspace) -> None:
    """Each network runs by what torch.compile returned, in both stages; the run stays what it was."""
    ran, compiled = Counter[str](), []

    def compile_as_is(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled.append(function)

        def counted(*arguments: Any, **named: Any) -> Any:
            ran[function.__name__] += 1
            return function(*arguments, **named)

        return counted

    monkeypatch.setattr(torch, "compile", compile_as_is)
    result = train_smoke(write_drawn_pairs(tmp_path, people=5), "compile=true")
    # Two iterations of the second stage: thermal and visible features for the discriminators, then the visible step.
    assert ran["begin"] >= 2 * 3
    assert ran["finish"] >= 2 * 3
    # Four ways through the layers of two classifiers, and a call of each of the five networks.
    assert len(compiled) == 2 * 4 + 5
    plain = read_journal(trained.root / "training" / RUN / "metrics.jsonl")
    assert read_journal(result.path / "metrics.jsonl") == plain


def test_the_test_person_is_nowhere_in_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = write_drawn_pairs(tmp_path, people=5)
    seen: dict[str, set[str]] = {"visible": set(), "thermal": set()}
    load = BatchLoader.load

    def watched(self: BatchLoader, order: BatchPlan) -> dict[str, Batch]:
        for name, rows in order.rows.items():
            table = self._sources[name].faces.table
            seen[name] |= set(table["subject_id"].take(pa.array(rows.numpy())).to_pylist())
        return load(self, order)

    monkeypatch.setattr(BatchLoader, "load", watched)
    train_smoke(workspace, "stage1_epochs=3")
    assert len(seen["visible"]) == len(seen["thermal"]) == 2
    assert not seen["visible"] & seen["thermal"]
    assert "p00" not in seen["visible"] | seen["thermal"]


def test_both_networks_are_measured_on_the_test_side(trained: Workspace) -> None:
    folder = trained.root / "training" / RUN
    record = read_record(folder)
    faces = {row["face_id"]: row for row in store.read_faces(trained).to_pylist()}
    for name, results in (
        ("predictions.parquet", record["results"]),
        ("predictions-thermal.parquet", record["results"]["further"]["thermal"]),
    ):
        predictions = read_predictions(folder / name)
        rows = [faces[face] for face in predictions.table["face_id"].to_pylist()]
        modality = "thermal" if "thermal" in name else "visible"
        assert {(row["subject_id"], row["modality"]) for row in rows} == {("p00", modality)}
        right = predictions.labels() == predictions.probabilities().argmax(axis=1)
        assert results["accuracy"] == pytest.approx(right.mean())
        assert results["faces"] == 7
    found = evaluate_runs(trained, [RUN]).figures["runs"][RUN]["classification"]["measures"]
    assert found["accuracy"]["pooled"] == pytest.approx(record["results"]["accuracy"])


def test_the_journal_has_the_raw_size_of_every_term(trained: Workspace) -> None:
    entries = read_journal(trained.root / "training" / RUN / "metrics.jsonl")
    assert [entry["iteration"] for entry in entries] == [1, 2, 3, 4]
    for entry in entries[:2]:
        assert {"visible/loss_class", "thermal/loss_class"} < set(entry)
        assert "D/loss_h" not in entry
    for entry in entries[2:]:
        assert {name for name in ENTRY.terms if "pair" not in name and not name.startswith("thermal/")} < set(entry)
        assert 1 <= entry["visible/weight"] <= 1 + np.log(2)
    rates = [[entry.get(f"lr/{name}") for entry in entries] for name in ("visible_alone", "guided", "discriminators")]
    assert rates[0] == pytest.approx([2e-3, 1e-3, None, None])
    assert rates[1] == pytest.approx([None, None, 2e-3, 1e-3]), "the cosine starts again"
    assert rates[2] == pytest.approx([None, None, 1e-4, 1e-4])


def test_each_network_is_a_file_that_opens_alone(trained: Workspace) -> None:
    folder = trained.root / "training" / RUN
    assert sorted(path.stem for path in folder.glob("models/*")) == NETWORKS
    for name, table in (("visible", "predictions"), ("thermal", "predictions-thermal")):
        predictions = read_predictions(folder / f"{table}.parquet")
        face = predictions.table["face_id"].to_pylist()[0]
        model = load_model(folder, network=name, device="cpu")
        found = model.predict(trained.root / "faces" / face[:2] / f"{face}.png", aligned=True)
        np.testing.assert_allclose(found.probabilities[0], predictions.probabilities()[0], atol=1e-5)
    with pytest.raises(InputError, match="is a part of unpaired's training and predicts nothing"):
        load_model(folder, network="decoder", device="cpu").predict(trained.root / "x.png")


def test_the_report_explains_every_loss_and_lists_the_choices(trained: Workspace) -> None:
    page = (trained.root / "training" / RUN / "report.html").read_text(encoding="utf-8")
    logged = [words for name, words in ENTRY.terms.items() if "pair" not in name and name != "thermal/loss_h"]
    for words in (ENTRY.title, "Xia and Wang (2020)", "label_align", logged[0], logged[3]):
        assert words in page, words


def test_the_report_shows_what_the_networks_make_of_held_out_faces(trained: Workspace) -> None:
    folder = trained.root / "training" / RUN
    numbers = read_record(folder)["results"]["analysis"]
    assert set(numbers) == {
        "modality accuracy",
        "A-distance",
        "distance of predictions",
        "PSNR of reconstructions",
        "SSIM of reconstructions",
    }
    assert 0 <= numbers["modality accuracy"] <= 1
    assert 5 < numbers["PSNR of reconstructions"] < 60
    found = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    assert found["faces"] == {"visible": 5, "thermal": 5}
    assert {name: len(points) for name, points in found["points"]["features"].items()} == {"visible": 5, "thermal": 5}
    assert (folder / "rebuilt.png").is_file()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert set(found["words"]) >= {*numbers, "features", "predictions", "reconstructions"}
    for words in ("What the networks make of held-out faces", "Predictions of other networks"):
        assert words in page, words
    assert page.count("<title>thermal</title>") == 5


def test_a_thermal_network_of_fewer_classes_is_measured_on_those(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=5)
    result = train_smoke(workspace, "classes=six", "thermal_classes=happiness,neutral,surprise")
    predictions = read_predictions(result.path / "predictions-thermal.parquet")
    assert predictions.classes == ("happiness", "surprise")
    assert len(predictions.table) == 2
    assert load_model(result.path, network="thermal", device="cpu").classes == ("happiness", "surprise")
    assert len(load_model(result.path, network="visible", device="cpu").classes) == 6


def test_a_second_stage_may_begin_with_the_networks_of_another_run(trained: Workspace) -> None:
    begun = [f"{name}_start=training/{RUN}/models/{name}.safetensors" for name in ("visible", "thermal")]
    result = train_smoke(trained, "stage1_epochs=0", *begun, run="second")
    record = read_record(result.path)
    assert record["iterations"] == 2
    assert {name: entry["head"] for name, entry in record["start"].items()} == {"visible": True, "thermal": True}
    assert [ancestor["runs"][0]["run"] for ancestor in record["lineage"]["ancestors"]] == [RUN, RUN]
    same = [
        load_model(folder, network="thermal", device="cpu") for folder in (trained.root / "training" / RUN, result.path)
    ]
    face = next((trained.root / "faces").rglob("*.png"))
    found = [model.predict(face, aligned=True).probabilities for model in same]
    np.testing.assert_array_equal(found[0], found[1], "the thermal network is frozen")


def test_networks_that_know_the_test_people_are_refused_under_any_name(trained: Workspace, tmp_path: Path) -> None:
    train_smoke(trained, "test_folds=[1]", run="other-fold")
    hidden = tmp_path / "harmless.safetensors"
    hidden.write_bytes((trained.root / "training/unpaired/other-fold/models/thermal.safetensors").read_bytes())
    with pytest.raises(CheckFailed, match=r"learned from 1 person held out here \(p00\)|learned from .* held out here"):
        train_smoke(trained, "stage1_epochs=0", f"thermal_start={hidden}", run="leaky")


def test_pairs_are_needed_for_the_paired_baselines(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=5)
    settings = ("paired=pan", "unpaired_unit=off")
    result = train_smoke(workspace, *settings)
    assert {"visible/loss_pair", "visible/loss_h", "D/loss_h"} < set(read_journal(result.path / "metrics.jsonl")[-1])
    assert "decoder" not in read_record(result.path)["parameters"]
    rows = store.read_faces(workspace).to_pylist()
    for row in rows:
        row["pair_id"] = None
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    with pytest.raises(InputError, match="pairing is capture, and no two training faces"):
        train_smoke(workspace, *settings, run="without")
    with pytest.raises(InputError, match="have no pair_id"):
        train_smoke(workspace, "unpaired_unit=sample", run="without")


def test_a_modality_that_is_missing_is_refused(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=3)
    with pytest.raises(InputError, match="no kept nir faces"):
        train_smoke(workspace, "thermal_modality=nir")


def test_another_half_is_another_run(trained: Workspace) -> None:
    with pytest.raises(ResumeRefused, match="unpaired_unit"):
        train_smoke(trained, "analysis_faces=5", "unpaired_unit=sample")


LASTING = (
    "accumulate=2",
    "stage1_epochs=2",
    "stage2_epochs=2",
    "thermal=joint",
    "adaptive=permuted",
    "ema=0.9",
    "keep_checkpoints=1",
)
TOTAL = 8


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return lasting(train_smoke(write_drawn_pairs(tmp_path_factory.mktemp("unbroken"), people=5), *LASTING).path)


@pytest.mark.parametrize("stop_after", [3, 4, *(pytest.param(other, marks=pytest.mark.slow) for other in (1, 5, 7))])
def test_a_run_that_is_interrupted_in_a_stage_or_between_them_goes_on_bit_for_bit(
    tmp_path: Path, unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    workspace = write_drawn_pairs(tmp_path, people=5)
    resumed = interrupt_and_resume(
        monkeypatch, Unpaired, lambda: train_smoke(workspace, *LASTING), after=stop_after, of=TOTAL
    )
    assert resumed == unbroken
    assert any(name.startswith("checkpoints") for name in unbroken)
