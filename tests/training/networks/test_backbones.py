"""Networks with the layer names of torchvision, and weights from other programs."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fertools.core.errors import InputError, RecipeError
from fertools.core.workspace import Workspace
from fertools.training.networks.backbones import build_backbone, head_name, load_weights, read_weights
from fertools.training.networks.names import BACKBONES
from fertools.training.networks.pretrained import FEATURE_NETWORKS
from fertools.training.networks.published_weights import find_weights, list_weights
from fertools.training.networks.resnet import ResNet


@pytest.mark.parametrize(
    ("name", "outputs", "parameters", "tensors"),
    [
        # With 7 or 6 outputs: the specification's counts. With 1000: those that torchvision documents.
        ("resnet18", 6, 11_179_590, 122),
        ("resnet18", 7, 11_180_103, 122),
        ("resnet18", 1000, 11_689_512, 122),
        ("resnet34", 7, 21_288_263, 218),
        ("resnet34", 1000, 21_797_672, 218),
        # Those of 34 layers, and two blocks of 4,720,640 parameters and 12 tensors.
        ("resnet38", 7, 30_729_543, 242),
        ("resnet50", 6, 23_520_326, 320),
        ("resnet50", 7, 23_522_375, 320),
        ("resnet50", 1000, 25_557_032, 320),
        ("resnet101", 1000, 44_549_160, 626),
        ("vgg19", 1000, 143_667_240, 38),
        ("alexnet", 1000, 61_100_840, 16),
    ],
)
def test_parameter_counts(name: str, outputs: int, parameters: int, tensors: int) -> None:
    with torch.device("meta"):
        network = build_backbone(name, outputs)
    assert sum(weight.numel() for weight in network.parameters()) == parameters
    assert len(network.state_dict()) == tensors


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("resnet18", "layer4.1.conv2.weight", (128, 128, 3, 3)),
        ("vgg19", "features.34.weight", (128, 128, 3, 3)),
        ("vgg19", "classifier.0.weight", (1024, 128 * 7 * 7)),
        ("alexnet", "features.10.weight", (64, 64, 3, 3)),
        ("alexnet", "classifier.6.weight", (7, 1024)),
    ],
)
def test_width_scales_channels_and_hidden_units(name: str, key: str, shape: tuple[int, ...]) -> None:
    network = build_backbone(name, 7, width=0.25)
    assert tuple(network.state_dict()[key].shape) == shape
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("resnet18", "layer2.0.downsample.0.weight", (128, 64, 1, 1)),
        ("resnet18", "layer4.1.bn2.running_var", (512,)),
        ("resnet50", "layer3.5.conv3.weight", (1024, 256, 1, 1)),
        ("resnet50", "fc.weight", (7, 2048)),
        ("resnet101", "layer3.22.bn3.num_batches_tracked", ()),
        ("vgg19", "features.34.weight", (512, 512, 3, 3)),
        ("vgg19", "classifier.0.weight", (4096, 25088)),
        ("vgg19", "classifier.6.bias", (7,)),
        ("alexnet", "features.10.weight", (256, 256, 3, 3)),
        ("alexnet", "classifier.1.weight", (4096, 9216)),
        ("alexnet", "classifier.6.weight", (7, 4096)),
    ],
)
def test_weights_have_the_names_and_shapes_of_torchvision(name: str, key: str, shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        network = build_backbone(name, 7)
    assert tuple(network.state_dict()[key].shape) == shape
    assert f"{head_name(network)}.weight" in network.state_dict()


def test_the_second_stage_of_resnet_34_is_what_the_papers_tap() -> None:
    with torch.device("meta"):
        stages = ResNet(34, 7).stages(torch.empty(1, 3, 224, 224))
    assert [tuple(stage.shape[1:]) for stage in stages] == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "alexnet"])
def test_the_smallest_face_goes_through(name: str) -> None:
    network = build_backbone(name, 3).eval()
    assert network(torch.zeros(2, 3, BACKBONES[name], BACKBONES[name])).shape == (2, 3)


def test_a_narrow_network_has_the_same_layers_with_fewer_channels() -> None:
    narrow, whole = build_backbone("resnet50", 7, width=0.25), build_backbone("resnet50", 7)
    assert list(narrow.state_dict()) == list(whole.state_dict())
    assert narrow.state_dict()["layer4.2.conv3.weight"].shape == (512, 128, 1, 1)


def test_dropout_is_for_training_alone() -> None:
    network = build_backbone("resnet18", 4, width=0.125, dropout=0.9)
    images = torch.randn(8, 3, 32, 32)
    assert torch.equal(network.eval()(images), network(images))
    network.train()
    assert not torch.equal(network(images), network(images))


def test_weights_go_from_file_to_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = build_backbone("resnet18", 7)
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in source.state_dict().items()}}, tmp_path / "a.pth"
    )
    for name in ("a.safetensors", "a.pth"):
        other = build_backbone("resnet18", 7)
        assert load_weights(other, read_weights(tmp_path / name), name)
        for key, value in other.state_dict().items():
            assert torch.equal(value, source.state_dict()[key]), key


def test_a_head_of_another_size_stays_new() -> None:
    source, other = build_backbone("resnet18", 7), build_backbone("resnet18", 5)
    before = other.state_dict()["fc.weight"].clone()
    assert not load_weights(other, source.state_dict(), "there")
    assert torch.equal(other.state_dict()["fc.weight"], before)
    assert torch.equal(other.state_dict()["conv1.weight"], source.state_dict()["conv1.weight"])


def test_weights_of_another_network_are_refused() -> None:
    source = build_backbone("resnet18", 7).state_dict()
    with pytest.raises(InputError, match=r"there has no layer1\.2\.conv1\.weight"):
        load_weights(build_backbone("resnet34", 7), source, "there")
    source["layer1.0.conv1.weight"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"layer1\.0\.conv1\.weight in there has the shape \(1,\)"):
        load_weights(build_backbone("resnet18", 7), source, "there")


class Trap:
    """Something whose unpickling leaves a trace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_no_file_of_weights_is_executed(tmp_path: Path) -> None:
    torch.save({"a": Trap(tmp_path / "executed")}, tmp_path / "trap.pth")
    with pytest.raises(InputError, match="cannot be read as weights alone"):
        read_weights(tmp_path / "trap.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(("name", "content"), [("a.safetensors", b"no"), ("a.pth", b"no"), ("b.pth", b"")])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} cannot be read") as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_something_else_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.pth")
    with pytest.raises(InputError, match="has no state_dict"):
        read_weights(tmp_path / "a.pth")


class Vision(nn.Module):
    """A model that is built for one size of picture and takes no other."""

    def __init__(self, outputs: int, size_px: int) -> None:
        super().__init__()
        if size_px % 16:
            raise ValueError("a side is no multiple of 16\nand so on")
        self.head = nn.Linear(3 * size_px**2, outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.head(images.flatten(1))
        return features


def fake_timm(*, fixed: bool) -> types.ModuleType:
    """Return a stand-in for timm with one model, which is built for 224 pixels unless another size is given."""
    fake = types.ModuleType("timm")

    def create_model(name: str, *, pretrained: bool, num_classes: int, img_size: int = 224) -> nn.Module:
        assert (name, pretrained) == ("vit_tiny", False)
        return Vision(num_classes, img_size)

    vars(fake)["list_models"] = lambda: ["vit_tiny"]
    vars(fake)["get_pretrained_cfg"] = lambda name: types.SimpleNamespace(fixed_input_size=fixed)
    vars(fake)["create_model"] = create_model
    return fake


def test_timm_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(RecipeError, match="timm cannot be imported"):
        build_backbone("timm:vit_tiny", 7)
    monkeypatch.setitem(sys.modules, "timm", fake_timm(fixed=True))
    built = build_backbone("timm:vit_tiny", 9, size_px=32)
    assert isinstance(built, Vision)
    assert (built.head.in_features, built.head.out_features, built.training) == (3 * 32**2, 9, True)
    with pytest.raises(RecipeError, match="did you mean 'vit_tiny'"):
        build_backbone("timm:vit_tyny", 7)


@pytest.mark.parametrize(("fixed", "size_px"), [(True, 40), (False, 32)])
def test_a_model_of_timm_that_takes_no_such_faces_is_refused(
    monkeypatch: pytest.MonkeyPatch, fixed: bool, size_px: int
) -> None:
    monkeypatch.setitem(sys.modules, "timm", fake_timm(fixed=fixed))
    with pytest.raises(
        RecipeError, match=f"timm:vit_tiny does not take faces of {size_px} pixels .* another image_size"
    ):
        build_backbone("timm:vit_tiny", 7, size_px=size_px)


OWN = """
[weights.mine]
network = "resnet18"
file = "mine.pth"
url = "https://example.org/mine.pth"
sha256 = "2d711642"
trained_on = "ours"
licence = "ours"
"""
"""The SHA-256 of the one byte `x` begins so."""


def test_weights_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # Nobody has published weights of 38 layers.
    assert {entry.network for entry in list_weights(workspace)} == {*BACKBONES, *FEATURE_NETWORKS, "mini-xception"} - {
        "resnet38"
    }
    (tmp_path / "training").mkdir()
    (tmp_path / "training/weights.toml").write_text(OWN)
    with pytest.raises(InputError, match=r"not on this machine; download https://example\.org/mine\.pth into"):
        find_weights("mine", workspace)
    with pytest.raises(InputError, match="did you mean 'mine'"):
        find_weights("mime", workspace)
    cached = tmp_path / "torch/hub/checkpoints/mine.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"x")
    assert find_weights("mine", workspace) == cached
    workspace.weights.mkdir()
    (workspace.weights / "mine.pth").write_bytes(b"y")
    with pytest.raises(InputError, match="is not the file that was published"):
        find_weights("mine", workspace)
    assert find_weights("training/weights/mine.pth", workspace) == workspace.weights / "mine.pth"


def test_the_one_network_of_a_run_is_found_by_the_name_of_the_run(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = tmp_path / "training" / "classifier" / "mine"
    (run / "models").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    with pytest.raises(InputError, match="the run classifier/mine has no trained network yet"):
        find_weights("classifier/mine", workspace)
    (run / "models" / "network.safetensors").write_bytes(b"")
    for wanted in ("classifier/mine", "training/classifier/mine"):
        assert find_weights(wanted, workspace) == run / "models" / "network.safetensors"
    (run / "models" / "another.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="has the networks another, network; give the path of one"):
        find_weights("classifier/mine", workspace)


def test_both_halves_of_a_compiled_pass_give_what_they_gave() -> None:
    torch.manual_seed(0)
    network, faces = ResNet(18, 3, width=0.1).eval(), torch.rand(2, 3, 32, 32)
    wanted = network(faces)
    before = network.begin
    network.compile(backend="eager")
    assert network.begin is not before
    with torch.no_grad():
        assert torch.allclose(network.finish(network.begin(faces, 2), 2), wanted)
    assert list(network.state_dict()) == list(ResNet(18, 3, width=0.1).state_dict()), "weights keep their names"
