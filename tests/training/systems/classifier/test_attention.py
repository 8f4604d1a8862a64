"""A classifier with a teacher, weights of other classes, a run without training, and ten crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fertools.core.errors import CheckFailed, InputError, RecipeError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.training.data.batch import Batch
from fertools.training.data.faces import select_faces
from fertools.training.data.pixel_cache import read_crop
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.evaluation.ten_crops import ten_crops
from fertools.training.jobs.train import TrainResult, train
from fertools.training.losses.attention import attention_transfer
from fertools.training.networks.backbones import build_backbone
from fertools.training.networks.imagenet import normalised
from fertools.training.networks.resnet import ResNet, like_weights
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.attention_pictures import compared_attention
from fertools.training.systems.classifier.recipe import NETWORK, TEACHER, ClassifierRecipe
from fertools.training.systems.classifier.system import Classifier
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import read_record

SMALL = ("width=0.0625", "batch_size=6", "epochs=1", "val_share=0")
SIX = tuple(name for name in EMOTIONS if name != "neutral")


def recipe(*overrides: str) -> ClassifierRecipe:
    return resolve_recipe("classifier", ClassifierRecipe, "smoke", (*SMALL, *overrides)).recipe


def make_system(*overrides: str) -> Classifier:
    torch.manual_seed(0)
    return Classifier(recipe(*overrides))


def make_batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    labels, points = torch.randint(7, (4,), generator=generator), torch.zeros(4, 2)
    images = torch.rand(4, 3, 32, 32, generator=generator) * 2 - 1
    return Batch(labels, points, torch.ones(4), torch.full((4, 7), torch.nan), images)


def head_of(classes: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return the weights of a small network whose head has the number of its row in each."""
    weights = dict(build_backbone("resnet18", classes, width=0.0625).state_dict())
    numbers = torch.arange(classes, dtype=dtype)
    return weights | {"fc.weight": numbers[:, None].expand(-1, 32).clone(), "fc.bias": numbers}


@pytest.mark.parametrize("form", ["literal", "reference"])
def test_beta_times_the_attention_loss_is_added(form: str) -> None:
    torch.manual_seed(1)
    teacher = ResNet(34, 5, width=0.125).eval()
    system, batch = make_system("teacher=some", f"at_form={form}", "beta=0.3"), make_batch()
    assert system.take_weights(TEACHER, StartingWeights(teacher.state_dict(), "there"))
    # The engine keeps frozen networks in eval mode.
    system.frozen[TEACHER].eval().requires_grad_(False)
    (step,) = system.iterate(Iteration(0), {FACES: batch}, {"mix": torch.ones(4)})
    network, images = system.networks[NETWORK], normalised(batch.images)
    assert isinstance(network, ResNet)
    attention = attention_transfer(network.stages(images), teacher.stages(images), system.recipe.at_form)
    torch.testing.assert_close(step.terms["loss_attention"], attention.detach())
    torch.testing.assert_close(step.loss.detach(), step.terms["loss_emotion"] + 0.3 * attention.detach())
    step.loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    assert all(weight.grad is None for weight in system.frozen[TEACHER].parameters())


@pytest.mark.parametrize("depth", [18, 34, 38, 50, 101])
def test_a_network_is_built_after_its_weights(depth: int) -> None:
    network = ResNet(depth, 3, width=0.0625)
    built = like_weights(network.state_dict(), "there")
    assert all(torch.equal(value, built.state_dict()[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("broken", ["alexnet", "a block less", "no head", "other shapes"])
def test_other_weights_than_of_a_resnet_are_refused_as_a_teacher(broken: str) -> None:
    weights = dict(ResNet(18, 3, width=0.0625).state_dict())
    if broken == "alexnet":
        weights = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    elif broken == "a block less":
        weights = {name: value for name, value in weights.items() if not name.startswith("layer3.1.")}
    elif broken == "no head":
        del weights["fc.weight"]
    else:
        weights["layer1.0.conv1.weight"] = torch.zeros(5, 5, 3, 3)
    with pytest.raises(InputError, match="there does not hold the weights of a ResNet"):
        like_weights(weights, "there")


def test_a_teacher_needs_a_resnet_as_student_unless_it_has_no_weight() -> None:
    with pytest.raises(RecipeError, match="attention is compared after each stage of a ResNet, but network is vgg16"):
        recipe("teacher=some", "network=vgg16", "width=1")
    assert recipe("teacher=some").starting_weights == {TEACHER: "some"}
    assert not recipe("teacher=some", "beta=0").starting_weights


def test_a_head_is_taken_over_class_by_class() -> None:
    system = make_system("classes=six")
    assert system.take_weights(NETWORK, StartingWeights(head_of(7), "there", classes=EMOTIONS))
    # Neutral, the fifth of seven, is masked.
    assert system.networks[NETWORK].state_dict()["fc.bias"].tolist() == [0, 1, 2, 3, 5, 6]
    seven = make_system()
    assert not seven.take_weights(NETWORK, StartingWeights(head_of(6), "there", classes=SIX)), "it lacks neutral"
    with_contempt = ("anger", "contempt", *EMOTIONS[1:4], *EMOTIONS[5:])
    before = seven.networks[NETWORK].state_dict()["fc.bias"].clone()
    # As many outputs, and others.
    assert not seven.take_weights(NETWORK, StartingWeights(head_of(7), "there", classes=with_contempt))
    assert torch.equal(seven.networks[NETWORK].state_dict()["fc.bias"], before)
    both = make_system("classes=six", "task=emotion+va")
    assert both.take_weights(NETWORK, StartingWeights(head_of(9), "there", classes=EMOTIONS))
    assert both.networks[NETWORK].state_dict()["fc.bias"].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert not both.take_weights(NETWORK, StartingWeights(head_of(7), "there", classes=EMOTIONS))


def test_initial_weights_may_be_normal() -> None:
    kernels = [
        make_system(f"init={kind}").networks[NETWORK].state_dict()["layer4.1.conv2.weight"] for kind in ("he", "normal")
    ]
    assert kernels[0].std() > 0.05
    assert kernels[1].std().item() == pytest.approx(0.02, rel=0.05)


def test_ten_crops_are_corners_and_the_centre_and_their_mirror_images() -> None:
    images = torch.zeros(2, 3, 16, 16)
    images[:, :, :, 8:] = 1.0
    images[1, :, 0, 0] = 5.0
    crops = list(ten_crops(images))
    assert len(crops) == 10
    assert all(crop.shape == images.shape for crop in crops)
    assert all(torch.equal(mirror, crop.flip(-1)) for crop, mirror in zip(crops[::2], crops[1::2], strict=True))
    # Only the upper left corner and its mirror image show the pixel there.
    assert [bool((crop[1] > 2).any()) for crop in crops] == [True, True] + [False] * 8
    # The edge is in the middle of the centre, and further left in the right corners.
    assert [crop[0, 0, 8].sum().round().item() for crop in crops[::2]] == [7, 9, 7, 9, 8]


def test_attention_is_drawn_where_it_is_and_compared() -> None:
    faces = torch.zeros(2, 3, 8, 8)
    left = torch.zeros(2, 5, 4, 4)
    left[:, :, :, 0] = 2.0
    columns, similar = compared_attention(faces, {"one": [left], "other": [3 * left], "third": [left]}, "literal")
    assert list(columns) == ["one 1", "other 1", "third 1"]
    picture = columns["one 1"]
    # Grey of one half, in a share of 0.35, and black; white is added where the network responds.
    assert sorted(set(picture[:, :, :, 7].flatten().tolist())) == pytest.approx([0.35 - 1])
    assert sorted(set(picture[:, :, :, 0].flatten().tolist())) == pytest.approx([0.35 + 1.3 - 1])
    assert similar == {"attention of stage 1": pytest.approx(1.0)}
    right = left.flip(-1)
    assert compared_attention(faces, {"one": [left], "other": [right]}, "reference")[1] == {"attention of stage 1": 0.0}
    assert not compared_attention(faces, {"one": [left], "other": [right[..., :2]]}, "literal")[1]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """People 0, 1 and 4 are of the laboratory, 2 and 3 of the wild; folds are 0 and 1."""
    rows = blob_rows(5)
    for row in rows:
        row["dataset"] = "wild" if row["fold"] in (2, 3) else "laboratory"
        row["fold"] %= 2
    return write_blobs(tmp_path_factory.mktemp("attention"), rows)


def train_small(workspace: Workspace, *overrides: str, run: str) -> TrainResult:
    settings = (*SMALL, *overrides)
    return train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run=run)


@pytest.fixture(scope="module")
def source(workspace: Workspace) -> TrainResult:
    return train_small(workspace, "dataset=laboratory", run="source")


def test_weights_are_tested_on_another_dataset_without_training(workspace: Workspace, source: TrainResult) -> None:
    given = ("pretrained=classifier/source", "dataset=wild", "classes=six", "epochs=0", "test_crops=ten")
    result = train_small(workspace, *given, run="applied")
    record = read_record(result.path)
    assert (record["finished"], record["iterations"], record["used_iteration"]) == (True, 0, 0)
    assert "UAR" in result.report.read_text(encoding="utf-8")
    before = load_file(source.path / "models/network.safetensors")
    predictions = read_predictions(result.path / "predictions.parquet")
    assert set(predictions.table["subject_id"].to_pylist()) == {"p02"}, "one person of the wild is in fold 0"
    assert predictions.classes == SIX
    network = build_backbone("resnet18", 7, width=0.0625).eval()
    network.load_state_dict(before)
    faces = select_faces(
        workspace, modality="visible", dataset="wild", test_folds=[0], needs_emotion=True, needs_va=False, classes=SIX
    )
    paths = faces.table.take(faces.rows("test"))["path"].to_pylist()
    pixels = np.stack([read_crop(workspace.root / path, 32) for path in paths])
    images = normalised(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1)
    with torch.no_grad():
        votes = []
        for crop in ten_crops(images):
            logits = network(crop)
            logits[:, EMOTIONS.index("neutral")] = -torch.inf
            votes.append(logits.softmax(dim=1))
    wanted = torch.stack(votes).mean(dim=0)[:, [EMOTIONS.index(name) for name in SIX]]
    np.testing.assert_allclose(predictions.probabilities(), wanted, atol=1e-4)


def test_a_run_with_a_teacher_records_it_and_what_it_learned_from(workspace: Workspace, source: TrainResult) -> None:
    given = ("teacher=classifier/source", "pretrained=classifier/source", "dataset=wild", "at_form=reference", "beta=1")
    result = train_small(workspace, *given, run="student")
    record = read_record(result.path)
    assert set(record["start"]) == {NETWORK, TEACHER}
    assert set(record["frozen"]) == {TEACHER}
    assert {entry["name"] for entry in record["lineage"]["ancestors"]} == {"classifier/source"}
    page = result.report.read_text(encoding="utf-8")
    for words in ("learned the attention maps", "attention of stage 4", "attend to after each stage"):
        assert words in page, words
    assert (result.path / "rebuilt.png").read_bytes().startswith(b"\x89PNG")
    similar = record["results"]["analysis"]
    assert list(similar) == [f"attention of stage {number}" for number in (1, 2, 3, 4)]
    assert all(0 < value <= 1 for value in similar.values())
    assert not (result.path / "models/teacher.safetensors").exists()


def test_a_teacher_that_knows_the_test_people_or_is_no_resnet_is_refused(
    workspace: Workspace, source: TrainResult, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.safetensors"
    save_file({"features.0.weight": torch.zeros(2)}, copy)
    with pytest.raises(InputError, match="does not hold the weights of a ResNet"):
        train_small(workspace, f"teacher={copy}", run="refused")
    with pytest.raises(CheckFailed, match="classifier/source"):
        train_small(workspace, "teacher=classifier/source", "test_folds=1", run="leaky")
