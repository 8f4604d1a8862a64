"""PatchGAN: the published parameter count, the size of its map and of its patches, and its layers one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.networks.image_sizes import patchgan_least_px
from fertools.training.networks.patchgan import PatchGan


def test_it_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        discriminator = PatchGan()
        logits = discriminator(torch.empty(1, 3, 256, 256))
    assert sum(weight.numel() for weight in discriminator.parameters()) == 2_764_737
    assert logits.shape == (1, 1, 30, 30)


def literally(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """Return the map of a discriminator of three strided layers, one layer after another."""
    x = images
    for number, stride in ((0, 2), (2, 2), (5, 2), (8, 1)):
        x = F.conv2d(x, state[f"model.{number}.weight"], state[f"model.{number}.bias"], stride, 1)
        if number:
            mean, variance = x.mean(dim=(2, 3), keepdim=True), x.var(dim=(2, 3), unbiased=False, keepdim=True)
            x = (x - mean) / torch.sqrt(variance + 1e-5)
        x = torch.where(x > 0, x, 0.2 * x)
    return F.conv2d(x, state["model.11.weight"], state["model.11.bias"], 1, 1)


@torch.no_grad()
def test_its_layers_are_those_of_the_paper_with_the_names_of_the_reference() -> None:
    torch.manual_seed(0)
    discriminator = PatchGan(conv_dim=3).double()
    for weight in discriminator.parameters():
        weight.normal_(0, 0.2)
    images = torch.rand(2, 3, 44, 32, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(discriminator(images), literally(discriminator.state_dict(), images))


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_a_patch_of_the_size_that_the_recipe_names(layers: int, patch: int) -> None:
    torch.manual_seed(0)
    discriminator = PatchGan(layers, conv_dim=2)
    # Norms look at the whole image; the patch is that of the convolutions.
    convolutions = torch.nn.Sequential(*[layer for layer in discriminator.model if "Norm" not in type(layer).__name__])
    images = torch.rand(1, 3, 128, 128, requires_grad=True)
    logits = convolutions(images)
    torch.autograd.backward(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2])
    assert images.grad is not None
    touched = images.grad.abs().sum(dim=(0, 1)) > 0
    assert (int(touched.any(dim=0).sum()), int(touched.any(dim=1).sum())) == (patch, patch)


@torch.no_grad()
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_smallest_image_gives_one_logit_and_a_smaller_one_fails(layers: int) -> None:
    discriminator, least = PatchGan(layers, conv_dim=2), patchgan_least_px(layers)
    assert discriminator(torch.rand(1, 3, least, least)).shape == (1, 1, 1, 1)
    with pytest.raises((RuntimeError, ValueError)):
        discriminator(torch.rand(1, 3, least - 1, least - 1))


@torch.no_grad()
def test_images_of_a_batch_do_not_meet() -> None:
    torch.manual_seed(0)
    discriminator = PatchGan(layers=2, conv_dim=4).double()
    images = torch.rand(4, 3, 16, 16, dtype=torch.float64) * 2 - 1
    apart = torch.cat([discriminator(image[None]) for image in images])
    torch.testing.assert_close(discriminator(images), apart)
