"""The networks by their parameter counts and sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fertools.training.networks.resnet import ResNet
from fertools.training.systems.unpaired.networks import (
    FEATURE_STAGES,
    Decoder,
    FeatureCritic,
    LabelCritic,
    build_networks,
    feature_width,
)
from tests.training.systems.unpaired.made import DIFFERING, recipe


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_parameter_counts_of_the_specified_networks() -> None:
    built = build_networks(recipe("network=resnet34", "width=1", "image_size=224", "load_size=240"))
    assert {name: count(network) for name, network in built.items()} == {
        "visible": 21_288_263,
        "thermal": 21_288_263,
        "discriminator_features": 443_009,
        "discriminator_predictions": 4_737,
        "decoder": 427_523,
    }
    features = built["visible"]
    assert isinstance(features, ResNet)
    with torch.no_grad():
        seen = features.eval().begin(torch.zeros(1, 3, 224, 224), FEATURE_STAGES)
        assert seen.shape == (1, 128, 28, 28)
        assert built["decoder"].eval()(seen).shape == (1, 3, 224, 224)
        assert built["discriminator_features"](seen).shape == (1,)


@pytest.mark.parametrize(
    ("classes", "labels", "network"), [(2, 4_417, 21_285_698), (4, 4_545, 21_286_724), (6, 4_673, 21_287_750)]
)
def test_parameter_counts_by_classes(classes: int, labels: int, network: int) -> None:
    assert count(LabelCritic(classes)) == labels
    assert count(ResNet(34, classes)) == network


def test_the_discriminator_of_predictions_takes_as_many_as_are_compared() -> None:
    for align, inputs in (("intersection", 2), ("sorted", 4)):
        built = build_networks(recipe(*DIFFERING, f"label_align={align}"))
        first = built["discriminator_predictions"].get_submodule("0")
        assert isinstance(first, nn.Linear)
        assert first.in_features == inputs
        head = built["thermal"].get_submodule("fc")
        assert isinstance(head, nn.Linear)
        assert head.out_features == (2 if align == "intersection" else 3)
    assert "discriminator_predictions" not in build_networks(recipe(*DIFFERING, "label_align=off"))


@pytest.mark.parametrize(
    ("network", "width", "features"), [("resnet18", 0.25, 32), ("resnet50", 0.125, 64), ("resnet18", 0.05, 8)]
)
def test_the_parts_follow_the_width_of_other_networks(network: str, width: float, features: int) -> None:
    built = build_networks(recipe(f"network={network}", f"width={width}", "image_size=40", "load_size=40"))
    assert feature_width(built["visible"]) == features
    assert built["visible"].training
    seen = torch.randn(2, features, 5, 5)
    assert built["discriminator_features"](seen).shape == (2,)
    decoded = built["decoder"](seen)
    assert decoded.shape == (2, 3, 40, 40)
    assert 0 <= decoded.min() < decoded.max() <= 1


def test_a_network_in_two_halves_is_the_whole() -> None:
    torch.manual_seed(0)
    network, images = ResNet(18, 3, 0.125).eval(), torch.randn(2, 3, 32, 32)
    whole = network(images)
    for stages in range(1, 5):
        begun = network.begin(images, stages)
        assert torch.equal(begun, network.stages(images)[stages - 1])
        assert torch.equal(network.finish(begun, stages), whole)


def test_no_discriminator_mixes_the_faces_of_a_batch() -> None:
    torch.manual_seed(0)
    for network, shown in ((FeatureCritic(8), torch.randn(6, 8, 4, 4)), (LabelCritic(7), torch.randn(6, 7))):
        together = network(shown)
        torch.testing.assert_close(together, torch.cat([network(shown[:2]), network(shown[2:])]))
    assert not any("BatchNorm" in type(part).__name__ for part in FeatureCritic(8).modules())
    assert any("BatchNorm" in type(part).__name__ for part in Decoder(8).modules())
