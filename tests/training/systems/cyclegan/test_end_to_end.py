"""CycleGAN from visible to thermal on drawn people, from training to the report, and interrupted on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.inference.model import load_model
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.batch import Batch
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.jobs.generate import generate
from fertools.training.jobs.train import TrainResult, train
from fertools.training.recipes.course import Iteration
from fertools.training.systems.base import Autocast, Noise, Step
from fertools.training.systems.cyclegan import ENTRY
from fertools.training.systems.cyclegan.system import Cyclegan
from tests.training.drawn_pairs import write_drawn_pairs
from tests.training.interrupted import interrupt_and_resume
from tests.training.tiny import lasting, read_record

RUN = "cyclegan/smoke"


def train_smoke(workspace: Workspace, *overrides: str) -> TrainResult:
    return train(workspace, "cyclegan", preset="smoke", overrides=overrides, device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = write_drawn_pairs(tmp_path_factory.mktemp("pairs"))
    train_smoke(workspace)
    return workspace


def test_a_run_leaves_losses_grids_and_translations_of_both_domains(trained: Workspace) -> None:
    folder = trained.root / "training" / RUN
    record = read_record(folder)
    # 21 training faces in each domain are 6 batches of 4 an epoch.
    assert record["iterations"] == 12
    entries = read_journal(folder / "metrics.jsonl")
    assert [entry["iteration"] for entry in entries] == [2, 4, 6, 8, 10, 12]
    assert set(ENTRY.terms) < set(entries[0])
    assert [entry["lr/generators"] for entry in entries] == [2e-4] * 3 + [1e-4] * 3, "half in the epoch of decay"
    assert record["results"]["faces"] == 4, "two of each domain"
    assert 0 < record["results"]["reconstruction_l1"] < 2
    assert sorted(path.name for path in (folder / "samples").iterdir()) == [
        "000003.png",
        "000006.png",
        "000009.png",
        "000012.png",
    ]
    with Image.open(folder / "samples" / "000012.png") as grid:
        # Two grids of two faces: the face, its translation, and the way back.
        assert grid.height > 4 * 96
    for direction in ("thermal", "visible"):
        assert len(list((folder / "generated" / direction).iterdir())) == 2


def test_generated_faces_have_the_other_modality_and_the_label_of_their_parent(trained: Workspace) -> None:
    result = generate(trained, RUN, which="train", limit=3, device="cpu")
    assert (result.faces, result.new_faces) == (6, 6), "three faces of each domain"
    parents = {row["face_id"]: row for row in store.read_faces(trained).to_pylist()}
    made = store.read_table(result.manifest, FACES).to_pylist()
    assert len(made) == 6 + 4
    other = {"visible": "thermal", "thermal": "visible"}
    for row in made:
        parent = parents[row["parent_id"]]
        assert row["modality"] == other[parent["modality"]]
        assert (row["target_emotion"], row["emotion"]) == (parent["emotion"], None)
        assert (row["subject_id"], row["fold"], row["generator_folds"]) == (parent["subject_id"], parent["fold"], [0])
        with Image.open(trained.root / row["path"]) as picture:
            assert picture.size == (32, 32)
    assert generate(trained, RUN, which="train", limit=3, device="cpu").new_faces == 0


def test_no_expression_can_be_asked_for(trained: Workspace) -> None:
    with pytest.raises(InputError, match="keeps the expression of a face"):
        generate(trained, RUN, emotions=["fear"], device="cpu")


def test_a_classifier_of_the_target_reads_generated_faces(trained: Workspace) -> None:
    settings = ("modality=thermal", "image_size=32")
    train(trained, "classifier", preset="smoke", overrides=settings, device="cpu", run="thermal")
    assess(trained, RUN, EvaluationOptions(judges=["classifier/thermal"], device="cpu"))
    found = compute_translation_metrics(trained.root / "training" / RUN)
    assert list(found["judges"]) == ["classifier/thermal"]


def test_a_classifier_of_the_target_chooses_the_best_state_and_learns_from_generated_faces(tmp_path: Path) -> None:
    workspace = write_drawn_pairs(tmp_path, people=6)
    settings = ("modality=thermal", "image_size=32", "val_share=0.2")
    train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run="thermal")
    result = train_smoke(workspace, "judge=classifier/thermal", "val_share=0.2")
    entries = read_journal(result.path / "metrics.jsonl")
    assert [entry["iteration"] for entry in entries if "val/judge_accuracy" in entry][:2] == [3, 6]
    assert (result.path / "checkpoints" / "best.safetensors").is_file()
    generate(workspace, RUN, which="train", device="cpu")
    assess(workspace, RUN, EvaluationOptions(judges=["classifier/thermal"], gan_train=True, device="cpu"))
    assert list(compute_translation_metrics(result.path)["judges"]) == ["classifier/thermal"]


def test_the_report_shows_both_directions_and_explains_every_loss(trained: Workspace) -> None:
    page = (trained.root / "training" / RUN / "report.html").read_text(encoding="utf-8")
    for words in (ENTRY.title, "Zhu et al., 2017", *ENTRY.terms.values()):
        assert words in page, words


@pytest.mark.parametrize(("network", "direction"), [("generator_target", "thermal"), ("generator_source", "visible")])
def test_each_generator_opens_without_the_workspace_and_knows_its_own_direction(
    trained: Workspace, network: str, direction: str
) -> None:
    folder = trained.root / "training" / RUN
    model = load_model(folder, network=network, device="cpu")
    assert model.targets == (direction,)
    made = sorted((folder / "generated" / direction).iterdir())[0]
    parent = trained.root / "faces" / made.stem[:2] / made.name
    with Image.open(made) as picture:
        expected = np.asarray(picture).astype(int)
    difference = np.abs(model.translate(parent, direction, aligned=True) - expected)
    assert difference.max() <= 1, "a batch of another size rounds differently"


@pytest.mark.parametrize("pairing", ["none", "capture"])
def test_faces_of_one_moment_come_together_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pairing: str
) -> None:
    iterate, alike = Cyclegan.iterate, list[bool]()

    def watched(
        self: Cyclegan, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast
    ) -> Iterator[Step]:
        alike.append(bool((batches["source"].emotions == batches["target"].emotions).all()))
        return iterate(self, iteration, batches, noise, cast)

    monkeypatch.setattr(Cyclegan, "iterate", watched)
    train_smoke(write_drawn_pairs(tmp_path), f"pairing={pairing}")
    assert len(alike) == 12
    # Of four faces of seven expressions, all four agree by chance once in 2,401.
    assert all(alike) == (pairing == "capture")


LASTING = ("ema=0.9", "pairing=label", "accumulate=2", "log_every=1")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return lasting(train_smoke(write_drawn_pairs(tmp_path_factory.mktemp("unbroken")), *LASTING).path)


@pytest.mark.parametrize("stop_after", [5, *(pytest.param(other, marks=pytest.mark.slow) for other in (1, 7, 10))])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tmp_path: Path, unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    workspace = write_drawn_pairs(tmp_path)
    resumed = interrupt_and_resume(
        monkeypatch, Cyclegan, lambda: train_smoke(workspace, *LASTING), after=stop_after, of=12
    )
    assert resumed == unbroken
