"""The networks of StarGAN: the paper's parameter counts, shapes, and why the padding is zero."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import nn

from fertools.training.systems.stargan.networks import Discriminator, Generator, init_he, load_reference_weights


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(kind: type[nn.Module], **sizes: int) -> nn.Module:
    """Build a network without its memory, which the counts do not need."""
    with torch.device("meta"):
        return kind(**sizes)


@pytest.mark.parametrize(("condition_dim", "parameters"), [(7, 8_436_800), (2, 8_421_120), (9, 8_443_072)])
def test_generator_has_the_published_number_of_parameters(condition_dim: int, parameters: int) -> None:
    assert count(on_meta(Generator, condition_dim=condition_dim)) == parameters


@pytest.mark.parametrize(
    ("image_size", "domain_dim", "parameters"),
    [(64, 7, 44_735_424), (128, 7, 44_778_432), (256, 7, 44_950_464), (64, 2, 44_725_184)],
)
def test_discriminator_has_the_published_number_of_parameters(
    image_size: int, domain_dim: int, parameters: int
) -> None:
    assert count(on_meta(Discriminator, image_size=image_size, domain_dim=domain_dim)) == parameters


def test_shapes() -> None:
    images, condition = torch.zeros(2, 3, 128, 128), torch.eye(7)[:2]
    assert Generator(conv_dim=4, blocks=1)(images, condition).shape == images.shape
    critic, heads = Discriminator(image_size=128, conv_dim=4)(images)
    assert critic.shape == (2, 1, 2, 2)
    assert heads.shape == (2, 7)


def test_discriminator_refuses_a_size_that_its_layers_cannot_halve() -> None:
    with pytest.raises(ValueError, match="not a multiple of 64"):
        Discriminator(image_size=96)


def effect_of_label(padding: Literal["zeros", "reflect"]) -> torch.Tensor:
    """Return how far two labels part the first convolution and norm, NxCxHxW."""
    torch.manual_seed(0)
    first = Generator(conv_dim=8, blocks=0, padding=padding).double().main[:2]
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    outputs = []
    for label in (0, 3):
        planes = torch.zeros(1, 7, 64, 64, dtype=torch.float64)
        planes[:, label] = 1
        outputs.append(first(torch.cat([images, planes], dim=1)))
    return torch.abs(outputs[0] - outputs[1])


def test_with_zero_padding_the_label_enters_through_the_border() -> None:
    effect = effect_of_label("zeros")
    inside = effect[..., 3:-3, 3:-3].mean()
    assert inside > 1e-3
    assert effect[..., :3, :].mean() > 3 * inside


def test_with_reflection_padding_the_label_is_erased() -> None:
    assert effect_of_label("reflect").max() < 1e-9


def test_conditional_norm_needs_no_border() -> None:
    torch.manual_seed(0)
    generator = Generator(conv_dim=8, blocks=0, conditioning="cin", padding="reflect").double()
    images = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    outputs = [generator(images, torch.eye(7, dtype=torch.float64)[[label]]) for label in (0, 3)]
    assert (outputs[0] - outputs[1]).abs()[..., 8:-8, 8:-8].mean() > 1e-3


def test_a_change_is_laid_over_the_input_by_a_mask() -> None:
    torch.manual_seed(0)
    generator = Generator(conv_dim=4, blocks=1, conditioning="cin", output="change", upsampling="resize")
    images, condition = torch.rand(2, 3, 32, 32) * 2 - 1, torch.eye(7)[:2]
    last = generator.main[-1]
    assert isinstance(last, nn.Conv2d)
    with torch.no_grad():
        made = generator(images, condition)
        assert made.shape == images.shape
        assert (made - images).abs().mean() > 0.01
        # A mask that is 0 everywhere leaves the input, whatever the new colours are.
        last.weight[3] = 0
        last.bias = nn.Parameter(torch.tensor([0.0, 0, 0, -100]))
        torch.testing.assert_close(generator(images, condition), images)
        last.bias[3] = 100
        assert (generator(images, condition) - images).abs().mean() > 0.1


@torch.no_grad()
def test_pixels_are_moved_and_a_smooth_change_is_laid_over_them() -> None:
    torch.manual_seed(0)
    generator = Generator(conv_dim=4, blocks=1, conditioning="cin", output="warp", upsampling="resize")
    images, condition = torch.rand(2, 3, 32, 32) * 2 - 1, torch.eye(7)[:2]
    assert generator(images, condition).shape == images.shape
    last = generator.main[-1]
    assert isinstance(last, nn.Conv2d)
    # Nothing is painted and nothing moved: the input.
    last.weight.zero_()
    last.bias = nn.Parameter(torch.tensor([0.0, 0, 0, -100, 0, 0]))
    torch.testing.assert_close(generator(images, condition), images)
    # A flow of 2 / 32 across looks each pixel up one to the right.
    last.bias[4] = math.atanh(2 / 32 / 0.12)
    torch.testing.assert_close(generator(images, condition)[..., :-1], images[..., 1:], rtol=1e-4, atol=1e-4)
    # However large the numbers are, a pixel moves by 0.12 of half a side at most.
    last.bias[4] = 1e6
    reach = generator(torch.linspace(-1, 1, 32).expand(1, 3, 32, 32).contiguous(), condition[:1])[0, 0, 16, 8]
    assert reach.item() == pytest.approx(-1 + 2 / 31 * (8 + 0.12 * 16), abs=1e-3)
    # A mask that is 1 everywhere shows the new colours alone, which no pattern of single pixels can be.
    last.bias = nn.Parameter(torch.tensor([0.5, 0.5, 0.5, 100, 0, 0]))
    torch.testing.assert_close(generator(images, condition), torch.full_like(images, math.tanh(0.5)))


@torch.no_grad()
def test_upsampling_by_resizing_leaves_no_chequered_pattern() -> None:
    torch.manual_seed(0)
    flat, condition = torch.zeros(1, 3, 64, 64), torch.eye(7)[:1]

    def unevenness(upsampling: Literal["transposed", "resize"]) -> float:
        generator = Generator(conv_dim=8, blocks=0, upsampling=upsampling)
        doubled = generator.main[9]
        inner = doubled(torch.ones(1, 32, 16, 16))[..., 4:-4, 4:-4]
        return float(inner.std(dim=(2, 3)).mean())

    assert unevenness("resize") < 1e-6
    assert unevenness("transposed") > 1e-2
    assert Generator(conv_dim=8, upsampling="resize")(flat, condition).shape == flat.shape


@torch.no_grad()
def spreads(discriminator: Discriminator) -> list[float]:
    features, found = torch.randn(4, 3, 64, 64), []
    for layer in discriminator.main:
        features = layer(features)
        if isinstance(layer, nn.Conv2d):
            found.append(float(features.std()))
    return found


def test_even_weights_keep_the_spread_from_layer_to_layer() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(conv_dim=8)
    assert spreads(discriminator)[-1] < 0.05
    init_he(discriminator)
    assert all(0.3 < spread < 2 for spread in spreads(discriminator)), "it was a hundredth"


def reference_generator(conv_dim: int, condition_dim: int, blocks: int) -> nn.Sequential:
    """The reference's generator as a plain chain, its norms keeping running statistics as there."""

    def norm(channels: int) -> nn.Module:
        return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
                norm(channels),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
                norm(channels),
            )

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = features + self.main(features)
            return output

    wide = conv_dim
    layers: list[nn.Module] = [nn.Conv2d(3 + condition_dim, wide, 7, 1, 3, bias=False), norm(wide), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Conv2d(wide, wide * 2, 4, 2, 1, bias=False), norm(wide * 2), nn.ReLU()]
        wide *= 2
    layers += [Block(wide) for _ in range(blocks)]
    for _ in range(2):
        layers += [nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1, bias=False), norm(wide // 2), nn.ReLU()]
        wide //= 2
    return nn.Sequential(*layers, nn.Conv2d(wide, 3, 7, 1, 3, bias=False), nn.Tanh())


def test_reference_weights_load_and_give_the_reference_output() -> None:
    torch.manual_seed(1)
    reference = reference_generator(4, 7, 2)
    generator = Generator(conv_dim=4, blocks=2)
    load_reference_weights(generator, {f"main.{name}": value for name, value in reference.state_dict().items()})
    images, condition = torch.randn(2, 3, 16, 16), torch.eye(7)[:2]
    planes = condition[..., None, None].expand(-1, -1, 16, 16)
    torch.testing.assert_close(generator(images, condition), reference(torch.cat([images, planes], dim=1)))


def test_reference_weights_of_another_size_are_refused() -> None:
    state = Generator(conv_dim=8, blocks=1).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_reference_weights(Generator(conv_dim=4, blocks=1), state)
