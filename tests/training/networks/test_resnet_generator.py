"""The ResNet generator: published parameter counts, shapes, initial weights, and the layers one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.networks.resnet_generator import ResnetGenerator


@pytest.mark.parametrize(("blocks", "parameters"), [(9, 11_378_179), (6, 7_837_699)])
def test_it_has_the_published_number_of_parameters(blocks: int, parameters: int) -> None:
    with torch.device("meta"):
        generator = ResnetGenerator(blocks)
    assert sum(weight.numel() for weight in generator.parameters()) == parameters
    assert not list(generator.buffers()), "instance norm keeps no statistics"


def literally(state: dict[str, Tensor], images: Tensor, blocks: int) -> Tensor:
    """Return what the layers of the paper's table make of images, one after another."""

    def convolve(features: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(features, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding)

    def norm(features: Tensor) -> Tensor:
        mean = features.mean(dim=(2, 3), keepdim=True)
        variance = features.var(dim=(2, 3), unbiased=False, keepdim=True)
        return (features - mean) / torch.sqrt(variance + 1e-5)

    x = norm(convolve(F.pad(images, (3, 3, 3, 3), "reflect"), "model.1")).relu()
    x = norm(convolve(x, "model.4", 2, 1)).relu()
    x = norm(convolve(x, "model.7", 2, 1)).relu()
    for number in range(10, 10 + blocks):
        inner = norm(convolve(F.pad(x, (1, 1, 1, 1), "reflect"), f"model.{number}.conv_block.1")).relu()
        x = x + norm(convolve(F.pad(inner, (1, 1, 1, 1), "reflect"), f"model.{number}.conv_block.5"))
    for number in (10 + blocks, 13 + blocks):
        weight, bias = state[f"model.{number}.weight"], state[f"model.{number}.bias"]
        x = norm(F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)).relu()
    return convolve(F.pad(x, (3, 3, 3, 3), "reflect"), f"model.{17 + blocks}").tanh()


@torch.no_grad()
@pytest.mark.parametrize("blocks", [0, 2])
def test_its_layers_are_those_of_the_paper_with_the_names_of_the_reference(blocks: int) -> None:
    torch.manual_seed(0)
    generator = ResnetGenerator(blocks, conv_dim=3).double()
    for weight in generator.parameters():
        weight.normal_(0, 0.2)
    images = torch.rand(2, 3, 20, 12, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(generator(images), literally(generator.state_dict(), images, blocks))


@torch.no_grad()
@pytest.mark.parametrize("side", range(8, 65, 4))
def test_every_size_that_four_divides_comes_out_as_it_went_in(side: int) -> None:
    torch.manual_seed(side)
    made = ResnetGenerator(blocks=1, conv_dim=2)(torch.rand(1, 3, side, side))
    assert made.shape == (1, 3, side, side)
    assert made.abs().max() <= 1


@torch.no_grad()
def test_images_of_a_batch_do_not_meet_and_eval_mode_changes_nothing() -> None:
    torch.manual_seed(0)
    generator = ResnetGenerator(blocks=2, conv_dim=4).double()
    images = torch.rand(3, 3, 16, 16, dtype=torch.float64) * 2 - 1
    together = generator(images)
    torch.testing.assert_close(together, torch.cat([generator(image[None]) for image in images]))
    torch.testing.assert_close(generator.eval()(images), together)


def test_weights_begin_normal_with_a_spread_of_two_hundredths_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    generator = ResnetGenerator(blocks=2, conv_dim=16)
    kernels = [layer for layer in generator.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(kernels) == 1 + 2 + 4 + 2 + 1
    for layer in kernels:
        assert layer.bias is not None
        assert not layer.bias.any()
        # Five standard errors of a sample's spread.
        spread = 0.02 * 5 / (2 * layer.weight.numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(0.02, abs=spread)
        assert abs(layer.weight.mean().item()) < 0.02 * 5 / layer.weight.numel() ** 0.5
