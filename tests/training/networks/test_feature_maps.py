"""Feature networks: their layers, the scale of their pixels, and the layouts of weights that they read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.core.errors import InputError
from fertools.training.networks.feature_maps import IMAGENET, FeatureNetwork, VggMaps, build_feature_network
from fertools.training.networks.names import FEATURE_NETWORKS
from fertools.training.networks.plain import vgg_layers
from fertools.training.networks.resnet import ResNet

VGG = [(64, 224, 224), (128, 112, 112), (256, 56, 56), (512, 28, 28), (512, 14, 14)]
RESNET = [(64, 112, 112), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]


class Pixels(nn.Module):
    """What a network is given, as its only map."""

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


def shades() -> Tensor:
    """Return red, green and blue bytes 0 to 255, all different, as Nx3x2x2 in [-1, 1]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (4, 3, 2, 2), generator=generator).double() / 127.5 - 1


@pytest.mark.parametrize("name", FEATURE_NETWORKS)
def test_there_are_five_maps_of_the_layers_that_the_paper_names(name: str) -> None:
    with torch.device("meta"):
        network = build_feature_network(name, 0)
        maps = network.body(torch.empty(1, 3, 224, 224))
    assert [tuple(found.shape[1:]) for found in maps] == (RESNET if "resnet" in name else VGG)


@pytest.mark.parametrize(
    ("name", "parameters", "tensors"),
    [
        # By hand: sums of 9·in·out + out over the convolutions up to conv5_1; a ResNet-50 without its head, with the
        # running means and variances that 53 norms have.
        ("vgg19-imagenet", 12_944_960, 26),
        ("vgg16-imagenet", 9_995_072, 22),
        ("resnet50-vggface2", 23_508_032, 318),
    ],
)
def test_parameter_counts(name: str, parameters: int, tensors: int) -> None:
    with torch.device("meta"):
        network = build_feature_network(name, 0)
    assert sum(weight.numel() for weight in network.parameters()) == parameters
    assert len(network.state_dict()) == tensors
    assert not any(weight.requires_grad for weight in network.parameters())
    assert not any(module.training for module in network.modules())


@torch.no_grad()
def test_vgg_maps_are_what_the_whole_network_computes_after_the_first_relu_of_each_block() -> None:
    torch.manual_seed(0)
    for depth, places in ((16, (1, 6, 11, 18, 25)), (19, (1, 6, 11, 20, 29))):
        whole = layers_of(depth)
        layers = whole.features
        assert isinstance(layers, nn.Sequential)
        network = build_feature_network(f"vgg{depth}-imagenet", 0, whole.state_dict(), "there")
        images = torch.rand(1, 3, 32, 32) * 2 - 1
        expected, features = [], network.prepare(images)
        for number, layer in enumerate(layers):
            features = layer(features)
            if number in places:
                expected.append(features.clone())
        for found, wanted in zip(network(images), expected, strict=True):
            assert torch.equal(found, wanted)


def test_imagenet_scale_is_that_of_torchvision() -> None:
    # torchvision: to [0, 1], then (x - mean) / std by channel.
    images = shades()
    found = FeatureNetwork(Pixels(), IMAGENET).double()(images)[0]
    for channel, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        expected = ((images[:, channel] + 1) * 127.5 / 255 - mean) / std
        torch.testing.assert_close(found[:, channel], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("vgg16-vggface", (129.186279296875, 104.76238250732422, 93.59396362304688)),
        ("resnet50-vggface2", (131.0912, 103.8827, 91.4953)),
    ],
)
def test_faces_of_the_oxford_networks_are_bytes_without_their_mean(name: str, means: tuple[float, ...]) -> None:
    images = shades()
    with torch.device("cpu"):
        found = build_feature_network(name, 0).double().prepare(images)
    for channel, mean in enumerate(means):
        expected = (images[:, channel] + 1) * 127.5 - mean
        torch.testing.assert_close(found[:, channel], expected, rtol=1e-5, atol=1e-4)


def test_pictures_are_resized_and_the_gradient_goes_through() -> None:
    network = FeatureNetwork(Pixels(), IMAGENET, 8).double()
    images = (torch.rand(2, 3, 16, 16, dtype=torch.float64) * 2 - 1).requires_grad_()
    made = network(images)[0]
    assert made.shape == (2, 3, 8, 8)
    grey = network(torch.full((1, 3, 16, 16), 0.2, dtype=torch.float64))[0]
    assert grey.std(dim=(2, 3)).max() < 1e-6, "one colour stays one colour, up to the border"
    (gradient,) = torch.autograd.grad(made.sum(), images)
    assert (gradient > 0).all()
    unchanged = FeatureNetwork(Pixels(), IMAGENET, 16).double()
    assert torch.equal(unchanged(images)[0], FeatureNetwork(Pixels(), IMAGENET).double()(images)[0])


def test_half_precision_is_widened_before_it_is_resized() -> None:
    made = FeatureNetwork(Pixels(), IMAGENET, 8)(torch.rand(1, 3, 16, 16, dtype=torch.bfloat16))[0]
    assert made.dtype == torch.float32


def layers_of(depth: int) -> nn.Module:
    """Return what a VGG network has before its linear layers, which would be most of its weights."""
    network = nn.Module()
    network.features = nn.Sequential(*vgg_layers(depth))
    return network


def convolutions(network: nn.Module) -> list[tuple[Tensor, Tensor]]:
    return [
        (layer.weight, layer.bias)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d) and layer.bias is not None
    ]


@torch.no_grad()
def test_weights_of_the_layouts_of_flax_and_of_the_oxford_group_are_read() -> None:
    torch.manual_seed(0)
    source, images = layers_of(16), torch.rand(1, 3, 32, 32) * 2 - 1
    expected = build_feature_network("vgg16-imagenet", 0, source.state_dict(), "there")(images)
    flax: dict[str, Tensor] = {}
    oxford: dict[str, Tensor] = {}
    blocks = iter(
        [f"conv{block}_{number}" for block, count in enumerate((2, 2, 3, 3, 3), 1) for number in range(1, count + 1)]
    )
    for number, (weight, bias) in enumerate(convolutions(source)):
        flax |= {f"VGG16_0/Conv_{number}/kernel": weight.permute(2, 3, 1, 0), f"VGG16_0/Conv_{number}/bias": bias}
        name = next(blocks)
        oxford |= {f"{name}.weight": weight, f"{name}.bias": bias}
    # Layers of the same file that are no part of the network.
    flax["NetLinLayer_0/Conv_0/kernel"] = torch.zeros(1, 1, 64, 1)
    oxford["fc6.weight"] = torch.zeros(4096, 25088)
    for weights in (flax, oxford):
        for found, wanted in zip(
            build_feature_network("vgg16-imagenet", 0, weights, "there")(images), expected, strict=True
        ):
            assert torch.equal(found, wanted)


@torch.no_grad()
def test_the_face_resnet_takes_blue_first_weights_in_the_form_of_caffe() -> None:
    torch.manual_seed(0)
    source = ResNet(50, 3, original=True).double().eval()
    network = build_feature_network("resnet50-vggface2", 0, source.state_dict(), "there").double()
    # Weights go into float32 first.
    source.load_state_dict({name: value.float() for name, value in source.state_dict().items()})
    images = torch.rand(1, 3, 64, 64, dtype=torch.float64) * 2 - 1
    blue_first = network.prepare(images).flip(1)
    for found, wanted in zip(network(images), source.maps(blue_first), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    stride = [(block.conv1.stride, block.conv2.stride) for block in (source.layer2[0], source.layer3[0])]  # type: ignore[union-attr, index]
    assert stride == [((2, 2), (1, 1))] * 2
    ours = ResNet(50, 3)
    assert (ours.layer2[0].conv1.stride, ours.layer2[0].conv2.stride) == ((1, 1), (2, 2))  # type: ignore[union-attr, index]
    assert tuple(source.maxpool(torch.zeros(1, 1, 112, 112)).shape) == (1, 1, 56, 56)
    # Rounded up and without padding, the first window begins at the first pixel.
    pixels = torch.arange(16.0).view(1, 1, 4, 4)
    assert source.maxpool(pixels).flatten().tolist() == [10, 11, 14, 15]
    assert F.max_pool2d(pixels, 3, 2, 1).flatten().tolist() == [5, 7, 13, 15]


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(InputError, match=r"there holds weights of another network than vgg19-imagenet: there is no "):
        build_feature_network("vgg19-imagenet", 0, VggMaps(16).state_dict(), "there")
