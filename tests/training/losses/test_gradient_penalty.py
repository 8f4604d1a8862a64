"""The closed-form gradient penalty against double backward."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from fertools.training.losses.gradient_penalty import Kind, gradient_penalty, input_gradient, interpolate
from fertools.training.systems.stargan.networks import SLOPE, Discriminator


def discriminator(seed: int = 0, layers: int = 3) -> Discriminator:
    torch.manual_seed(seed)
    return Discriminator(image_size=32, conv_dim=6, layers=layers).double()


def penalty(network: Discriminator, images: torch.Tensor, kind: Kind) -> torch.Tensor:
    return gradient_penalty(input_gradient(network.critic, images, SLOPE, "closed_form"), kind)


def gradients_of(value: torch.Tensor, parameters: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
    # torch types these as never None, which they are for parameters that the value does not depend on.
    return list(torch.autograd.grad(value, parameters, allow_unused=True))


@pytest.mark.parametrize("kind", ["wgan-gp", "r1"])
@pytest.mark.parametrize("layers", [1, 2, 5])
def test_closed_form_equals_autograd_through_the_whole_network(kind: Kind, layers: int) -> None:
    network = discriminator(layers=layers)
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    names, parameters = zip(*network.named_parameters(), strict=True)

    closed = penalty(network, images, kind)
    closed_gradients = gradients_of(closed, parameters)

    # The oracle is the network itself, not our autograd path: what every WGAN-GP code does.
    points = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(points)[0].sum(), points, create_graph=True)
    norms = gradient.square().sum(dim=(1, 2, 3)).sqrt()
    expected = ((norms - 1) ** 2).mean() if kind == "wgan-gp" else (norms**2).mean() / 2
    expected_gradients = gradients_of(expected, parameters)

    torch.testing.assert_close(closed, expected, rtol=1e-8, atol=0)
    compared = 0
    for name, ours, theirs in zip(names, closed_gradients, expected_gradients, strict=True):
        if name.startswith("conv2"):
            assert ours is None
            assert theirs is None
        elif name.endswith("bias"):
            assert ours is None or not ours.any()
            assert theirs is None or not theirs.any()
        else:
            assert ours is not None
            assert theirs is not None
            assert (ours - theirs).norm() <= 1e-8 * theirs.norm()
            compared += 1
    assert compared == layers + 1


def test_autograd_implementation_is_the_same() -> None:
    network, images = discriminator(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    gradients = [input_gradient(network.critic, images, SLOPE, kind) for kind in ("closed_form", "autograd")]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), [(17, 3, 2, 0), (16, 5, 3, 2), (9, 4, 1, 1)])
def test_closed_form_holds_where_a_stride_leaves_pixels_over(size: int, kernel: int, stride: int, padding: int) -> None:
    torch.manual_seed(0)
    critic = [nn.Conv2d(2, 4, kernel, stride, padding).double(), nn.Conv2d(4, 1, 2).double()]
    images = torch.randn(2, 2, size, size + 1, dtype=torch.float64)
    gradients = [input_gradient(critic, images, 0.2, kind) for kind in ("closed_form", "autograd")]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-15)


def test_penalty_of_known_gradients() -> None:
    gradient = torch.zeros(2, 1, 2, 2)
    gradient[0, 0, 0] = torch.tensor([3.0, 4.0])
    assert gradient_penalty(gradient, "wgan-gp").item() == pytest.approx(((5 - 1) ** 2 + 1) / 2)
    assert gradient_penalty(gradient, "r1").item() == pytest.approx(25 / 2 / 2)
    assert gradient_penalty(gradient, "none").item() == 0


def test_norm_of_a_bf16_gradient_is_taken_in_float32() -> None:
    gradient = torch.full((1, 3, 64, 64), 0.01, dtype=torch.bfloat16)
    exact = (float(gradient[0, 0, 0, 0]) * (3 * 64 * 64) ** 0.5 - 1) ** 2
    result = gradient_penalty(gradient, "wgan-gp")
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact, rel=1e-4)


def test_interpolation_runs_from_fake_to_real() -> None:
    real, fake = torch.ones(3, 1, 2, 2), torch.zeros(3, 1, 2, 2, requires_grad=True)
    mixed = interpolate(real, fake, torch.tensor([0.0, 0.25, 1.0]).view(3, 1, 1, 1))
    assert mixed[:, 0, 0, 0].tolist() == [0.0, 0.25, 1.0]
    assert not mixed.requires_grad
