"""CycleGAN's training rules a second time, every pass by itself, and what its tests and those of its heirs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.data.batch import Batch
from fertools.training.systems.cyclegan.recipe import TwoWayRecipe
from fertools.training.systems.cyclegan.system import Cyclegan
from tests.training.systems.logged_steps import Turn, take_steps

TINY = ("conv_dim=2", "generator_blocks=1", "discriminator_layers=2", "image_size=16", "load_size=16")
Further = Callable[[dict[str, Tensor]], dict[str, tuple[float, Tensor]]]
"""From x, y and what was made of them, weights and terms that are added to the generators' loss."""


def batch(images: Tensor) -> Batch:
    count = len(images)
    unknown = torch.full((count,), -1), torch.full((count, 2), torch.nan)
    return Batch(*unknown, torch.ones(count), torch.full((count, 7), torch.nan), images)


def turns(built: Cyclegan, count: int, seed: int = 5) -> list[Turn]:
    """Return batches of both domains with all that is drawn for them."""
    generator = torch.Generator().manual_seed(seed)
    shape = built.recipe.batch_size, 3, built.recipe.image_size, built.recipe.image_size
    result = []
    for _ in range(count):
        batches = {
            name: batch(torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1)
            for name in ("source", "target")
        }
        result.append((batches, built.draw(batches, generator)))
    return result


def adam(weights: list[nn.Parameter], recipe: TwoWayRecipe) -> torch.optim.Adam:
    return torch.optim.Adam(weights, lr=recipe.lr, betas=(recipe.beta1, recipe.beta2), fused=False)


def run(built: Cyclegan, data: list[Turn]) -> list[dict[str, float]]:
    optimisers = {
        name: adam([w for network in plan.networks for w in built.networks[network].parameters()], built.recipe)
        for name, plan in built.optimisers.items()
    }
    return take_steps(built, optimisers, data)


class ListPool:
    """The pool of the rules, as a list that is walked through image by image."""

    def __init__(self, size: int) -> None:
        self.size, self.kept = size, list[Tensor]()

    def query(self, images: Tensor, draws: Tensor) -> Tensor:
        returned = []
        for image, (keeps, place) in zip(images, draws.tolist(), strict=True):
            if len(self.kept) < self.size:
                self.kept.append(image.clone())
                returned.append(image)
            elif keeps < 0.5 or not self.size:
                returned.append(image)
            else:
                position = int(place * self.size)
                returned.append(self.kept[position])
                self.kept[position] = image.clone()
        return torch.stack(returned)


def run_plainly(
    networks: Mapping[str, nn.Module],
    data: list[Turn],
    recipe: TwoWayRecipe,
    weights: tuple[float, float],
    further: Further | None = None,
) -> list[dict[str, float]]:
    """The rules of CycleGAN's training, every pass by itself.

    Args:
        networks: that are trained.
        data: the batches.
        recipe: of Adam, the pools and the adversarial loss.
        weights: of the cycle loss and of the identity loss.
        further: terms that are added.
    """
    g, f = networks["generator_target"], networks["generator_source"]
    d_y, d_x = networks["discriminator_target"], networks["discriminator_source"]
    of_generators = adam([*g.parameters(), *f.parameters()], recipe)
    of_discriminators = adam([*d_y.parameters(), *d_x.parameters()], recipe)
    pool_y, pool_x = ListPool(recipe.pool_size), ListPool(recipe.pool_size)

    def adversarial(logits: Tensor, target: float) -> Tensor:
        if recipe.gan_mode == "lsgan":
            return ((logits - target) ** 2).mean()
        return F.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, target))

    logs = []
    for batches, noise in data:
        x, y = batches["source"].images, batches["target"].images
        fake_y = g(x)
        rec_x = f(fake_y)
        fake_x = f(y)
        rec_y = g(fake_x)
        losses = {
            "G/loss_gan_target": adversarial(d_y(fake_y), 1),
            "G/loss_gan_source": adversarial(d_x(fake_x), 1),
            "G/loss_cycle_source": (rec_x - x).abs().mean(),
            "G/loss_cycle_target": (rec_y - y).abs().mean(),
            "G/loss_identity_target": (g(y) - y).abs().mean(),
            "G/loss_identity_source": (f(x) - x).abs().mean(),
        }
        total = losses["G/loss_gan_target"] + losses["G/loss_gan_source"]
        total = total + weights[0] * (losses["G/loss_cycle_source"] + losses["G/loss_cycle_target"])
        identity = losses["G/loss_identity_target"] + losses["G/loss_identity_source"]
        total = total + weights[1] * identity
        if further is not None:
            made = {"x": x, "y": y, "fake_x": fake_x, "fake_y": fake_y, "rec_x": rec_x, "rec_y": rec_y}
            for name, (weight, value) in further(made).items():
                total = total + weight * value
                losses[name] = value
        of_generators.zero_grad()
        torch.autograd.backward(total)
        of_generators.step()

        shown_y = pool_y.query(fake_y.detach(), noise["pool_target"])
        shown_x = pool_x.query(fake_x.detach(), noise["pool_source"])
        losses |= {
            "D/loss_real_target": adversarial(d_y(y), 1),
            "D/loss_fake_target": adversarial(d_y(shown_y), 0),
            "D/loss_real_source": adversarial(d_x(x), 1),
            "D/loss_fake_source": adversarial(d_x(shown_x), 0),
        }
        of_y = 0.5 * (losses["D/loss_real_target"] + losses["D/loss_fake_target"])
        of_x = 0.5 * (losses["D/loss_real_source"] + losses["D/loss_fake_source"])
        of_discriminators.zero_grad()
        torch.autograd.backward(of_y + of_x)
        of_discriminators.step()
        logs.append({name: value.item() for name, value in losses.items()})
    return logs
