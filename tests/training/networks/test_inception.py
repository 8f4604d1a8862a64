"""FID's network: its size and names, and that weights of something else are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fertools.core.errors import InputError
from fertools.training.networks.inception import Inception, build_inception
from fertools.training.networks.pretrained import extract_features


def drawn_weights(outputs: int) -> dict[str, torch.Tensor]:
    """Return weights that depend on numpy's generator and the names of layers alone, with a last layer of a size."""
    rng, weights = np.random.default_rng(0), {}
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in sorted(Inception().state_dict().items())}
    for name, shape in shapes.items():
        values: np.ndarray = rng.standard_normal(shape, np.float32)
        if name.endswith("conv.weight"):
            values *= (2 / np.prod(shape[1:])) ** 0.5
        elif name.endswith(("running_var", "bn.weight")):
            values = 1 + 0.2 * np.tanh(values)
        weights[name] = torch.from_numpy(np.asarray(0.1 * values if name.endswith(("bias", "mean")) else values))
    return weights | {"fc.weight": torch.zeros(outputs, 2048)}


@pytest.fixture(scope="module")
def network() -> Inception:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Inception().eval()


def test_it_has_as_many_weights_as_inception_has(network: Inception) -> None:
    # Inception v3 without its auxiliary head has 23,834,568, of which the last layer of 1,000 classes has 2,049,000.
    assert sum(value.numel() for value in network.parameters()) == 23_834_568 - 2_049_000
    names = set(network.state_dict())
    assert {
        "Conv2d_1a_3x3.conv.weight",
        "Mixed_5b.branch5x5_2.bn.running_mean",
        "Mixed_6a.branch3x3.conv.weight",
        "Mixed_6e.branch7x7dbl_5.conv.weight",
        "Mixed_7a.branch7x7x3_4.bn.bias",
        "Mixed_7c.branch3x3dbl_3b.conv.weight",
        "Mixed_7c.branch_pool.conv.weight",
    } <= names


def test_shapes_are_those_of_the_paper(network: Inception) -> None:
    sizes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda _m, _i, out, name=name: sizes.__setitem__(name, tuple(out.shape[1:])))
    features = extract_features(network, np.zeros((1, 64, 64, 3), np.uint8))
    assert features.shape == (1, 2048)
    # Szegedy et al. (2016), table 1.
    assert sizes["Conv2d_2b_3x3"] == (64, 147, 147)
    assert sizes["Mixed_5b"][1:] == (35, 35)
    assert sizes["Mixed_5d"] == (288, 35, 35)
    assert sizes["Mixed_6e"] == (768, 17, 17)
    assert sizes["Mixed_7a"] == (1280, 8, 8)
    assert sizes["Mixed_7c"] == (2048, 8, 8)


def test_poolings_are_those_of_the_first_release(network: Inception) -> None:
    ones = torch.ones(1, 2048, 8, 8)
    pooled: list[torch.Tensor] = []
    for block in (network.Mixed_7b, network.Mixed_7c):
        inputs = ones[:, : block.branch_pool.conv.in_channels] * torch.arange(8.0)
        handle = block.branch_pool.register_forward_pre_hook(lambda _m, args: pooled.append(args[0]))
        block(inputs)
        handle.remove()
    # At the left edge: the mean of 0 and 1 without the padding, and their maximum.
    assert pooled[0][0, 0, 4, 0] == pytest.approx(0.5)
    assert pooled[1][0, 0, 4, 0] == 1


def test_pictures_are_enlarged_and_scaled(network: Inception) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    scaled = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        wanted = network(F.interpolate(scaled, (299, 299), mode="bilinear", align_corners=False)).numpy()
    assert extract_features(network, pictures) == pytest.approx(wanted, abs=1e-4)
    assert extract_features(network, pictures[:0]).shape == (0, 2048)


def test_weights_go_in_by_name_and_others_are_refused(network: Inception) -> None:
    weights = network.state_dict() | {"fc.weight": torch.zeros(1008, 2048)}
    again = build_inception(weights, "x.pth")
    pictures = np.full((1, 16, 16, 3), 90, np.uint8)
    assert np.array_equal(extract_features(again, pictures), extract_features(network, pictures))
    assert again.first_release
    del weights["Mixed_6b.branch1x1.conv.weight"]
    with pytest.raises(InputError, match=r"x\.pth holds no .* there is no Mixed_6b\.branch1x1\.conv\.weight"):
        build_inception(weights, "x.pth")


def test_torchvision_s_weights_are_told_by_their_classes_and_keep_their_poolings(network: Inception) -> None:
    later = build_inception(network.state_dict() | {"fc.weight": torch.zeros(1000, 2048)}, "x.pth")
    assert not later.first_release
    pooled: list[torch.Tensor] = []
    handle = later.Mixed_7c.branch_pool.register_forward_pre_hook(lambda _m, args: pooled.append(args[0]))
    later.Mixed_7c(torch.ones(1, 2048, 8, 8))
    handle.remove()
    # A corner: four ones and five zeros that were padded.
    assert pooled[0][0, 0, 0, 0] == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    ("outputs", "mean", "sd", "some"),
    [
        (1008, 0.71611696, 0.9452682, (0.00851143, 0.00522333, 0.4302672, 0.00201665, 1.466848)),
        (1000, 0.66677344, 0.863062, (0.02107473, 0.00588762, 0.5354883, 0.00694317, 1.395905)),
    ],
    ids=["pytorch-fid 0.3.0", "torchvision 0.29.1"],
)
def test_features_are_those_that_the_projects_themselves_gave_with_these_weights(
    outputs: int, mean: float, sd: float, some: tuple[float, ...]
) -> None:
    """Both packages need a torchvision that works, so what they gave for these pictures is written down here."""
    pictures = (np.arange(2 * 20 * 20 * 3).reshape(2, 20, 20, 3) * 37 % 256).astype(np.uint8)
    found = extract_features(build_inception(drawn_weights(outputs), "drawn"), pictures)
    assert (found.mean(), found.std()) == pytest.approx((mean, sd), rel=1e-4)
    assert found[0, :2000:400] == pytest.approx(some, rel=1e-3)
