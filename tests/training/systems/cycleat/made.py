"""Small systems of CycleAT, batches for them, and their training a second time, as a reader of the paper writes it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.data.batch import Batch
from fertools.training.recipes.course import Course
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import Noise
from fertools.training.systems.cycleat.recipe import CLASSIFIER, RECOGNITION, TEACHER, TRANSLATION, CycleatRecipe
from fertools.training.systems.cycleat.system import Cycleat
from tests.training.systems.plain_cyclegan import ListPool, adam

TINY = (
    *("conv_dim=2", "generator_blocks=1", "discriminator_layers=2", "image_size=16", "load_size=16", "pool_size=3"),
    *("network=resnet18", "width=0.0625", "classifier_px=32", "teacher=random"),
    *("stage1_iterations=4", "stage2_iterations=7"),
)
"""Laid over the preset `paper`."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Turn = tuple[dict[str, Batch], Noise]


def recipe(*overrides: str) -> CycleatRecipe:
    return resolve_recipe("cycleat", CycleatRecipe, "paper", (*TINY, *overrides)).recipe


def system(*overrides: str) -> Cycleat:
    torch.manual_seed(0)
    built = Cycleat(recipe(*overrides))
    for module in (*built.networks.values(), *built.memory.values(), *built.frozen.values()):
        module.double()
    for network in built.frozen.values():
        network.eval().requires_grad_(False)
    return built


def course(built: Cycleat) -> Course:
    return built.recipe.course({})


def turns(built: Cycleat, seed: int = 5) -> list[Turn]:
    """Return batches of both domains with all that is drawn for them; target faces have no labels."""
    generator = torch.Generator().manual_seed(seed)
    count, side, classes = built.recipe.batch_size, built.recipe.image_size, len(built.recipe.class_names)
    result = []
    for number in range(course(built).iterations):
        batches = {}
        for name in ("source", "target"):
            images = torch.rand((count, 3, side, side), generator=generator, dtype=torch.float64) * 2 - 1
            labels = (torch.arange(count) + number) % classes if name == "source" else torch.full((count,), -1)
            shares = torch.full((count, classes), torch.nan, dtype=torch.float64)
            weights = torch.linspace(0.5, 1.5, count, dtype=torch.float64)
            batches[name] = Batch(labels, torch.full((count, 2), torch.nan), weights, shares, images)
        result.append((batches, built.draw(batches, generator)))
    return result


def run(built: Cycleat, data: list[Turn]) -> list[dict[str, float]]:
    optimisers = {
        name: adam([w for network in plan.networks for w in built.networks[network].parameters()], built.recipe)
        for name, plan in built.optimisers.items()
    }
    logs = []
    for number, (batches, noise) in enumerate(data):
        log: dict[str, float] = {}
        for step in built.iterate(course(built).at(number), batches, noise):
            optimisers[step.optimiser].zero_grad()
            torch.autograd.backward(step.loss)
            optimisers[step.optimiser].step()
            log |= {name: value.item() for name, value in step.terms.items()}
        logs.append(log)
    return logs


class PlainCycleat:
    """The rules of CycleAT, every pass by itself.

    Args:
        built: whose recipe and whose initial networks are copied.
        cycle: weight of the cycle loss, which is a mean.
    """

    def __init__(self, built: Cycleat, cycle: float) -> None:
        self.recipe, self.cycle, self.stages = built.recipe, cycle, course(built)
        self.networks = copy.deepcopy(dict(built.networks))
        self.teacher = copy.deepcopy(dict(built.frozen)).get(TEACHER)
        self.of_generators = adam(self._weights("generator_target", "generator_source"), self.recipe)
        self.of_classifier = adam(self._weights(CLASSIFIER), self.recipe)
        self.of_discriminators = adam(self._weights("discriminator_target", "discriminator_source"), self.recipe)
        self.pools = {name: ListPool(self.recipe.pool_size) for name in ("target", "source")}

    def _weights(self, *names: str) -> list[nn.Parameter]:
        return [weight for name in names for weight in self.networks[name].parameters()]

    def run(self, data: list[Turn]) -> list[dict[str, float]]:
        return [
            self._turn(self.stages.at(number).stage, batches, noise) for number, (batches, noise) in enumerate(data)
        ]

    def _turn(self, stage: str, batches: dict[str, Batch], noise: Noise) -> dict[str, float]:
        nets, few = self.networks, self.recipe.gan_batch
        g, f = nets["generator_target"], nets["generator_source"]
        d_y, d_x = nets["discriminator_target"], nets["discriminator_source"]
        xs, labels, weights = batches["source"].images, batches["source"].emotions, batches["source"].weights
        losses: dict[str, Tensor] = {}
        total = torch.zeros((), dtype=torch.float64)
        if stage != RECOGNITION:
            x, y = xs[:few], batches["target"].images[:few]
            fake_y, fake_x = g(x), f(y)
            losses["G/loss_gan_target"], losses["G/loss_gan_source"] = (
                self._says(d_y(fake_y), 1),
                self._says(d_x(fake_x), 1),
            )
            losses["G/loss_cycle_source"] = (f(fake_y) - x).abs().mean()
            losses["G/loss_cycle_target"] = (g(fake_x) - y).abs().mean()
            total = losses["G/loss_gan_target"] + losses["G/loss_gan_source"]
            total = total + self.cycle * (losses["G/loss_cycle_source"] + losses["G/loss_cycle_target"])
        if stage != TRANSLATION:
            made = g(xs)
            if stage == RECOGNITION:
                made = made.detach()
            elif self.recipe.guard:
                with torch.no_grad():
                    says = self._stages(nets[CLASSIFIER].eval(), self._seen(xs))[1]
                    real = (weights * F.cross_entropy(says, labels, reduction="none")).mean()
                stopped = real.item() > self.recipe.guard
                made = made.detach() if stopped else made
                losses["classifier/loss_real"], losses["classifier/guard_open"] = real, torch.tensor(1.0 - stopped)
            own, says = self._stages(nets[CLASSIFIER].train(self.recipe.norms == "batch"), self._seen(made))
            losses["classifier/loss_class"] = (weights * F.cross_entropy(says, labels, reduction="none")).mean()
            total = total + losses["classifier/loss_class"]
            if self.recipe.beta:
                assert self.teacher is not None
                shown = xs if self.recipe.at_teacher_input == "source" else made.detach()
                wanted = self._stages(self.teacher, self._seen(shown))[0]
                losses["classifier/loss_attention"] = self._apart(own, wanted)
                total = total + self.recipe.beta * losses["classifier/loss_attention"]
        for optimiser in (self.of_generators, self.of_classifier):
            optimiser.zero_grad()
        torch.autograd.backward(total)
        for optimiser in (self.of_generators, self.of_classifier):
            optimiser.step()
        if stage != RECOGNITION:
            shown_y = self.pools["target"].query(fake_y.detach(), noise["pool_target"][:few])
            shown_x = self.pools["source"].query(fake_x.detach(), noise["pool_source"][:few])
            found = {
                "D/loss_real_target": self._says(d_y(y), 1),
                "D/loss_fake_target": self._says(d_y(shown_y), 0),
                "D/loss_real_source": self._says(d_x(x), 1),
                "D/loss_fake_source": self._says(d_x(shown_x), 0),
            }
            self.of_discriminators.zero_grad()
            torch.autograd.backward(0.5 * torch.stack([*found.values()]).sum())
            self.of_discriminators.step()
            losses |= found
        return {name: value.item() for name, value in losses.items()}

    def _says(self, logits: Tensor, target: float) -> Tensor:
        if self.recipe.gan_mode == "lsgan":
            return ((logits - target) ** 2).mean()
        return F.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, target))

    def _seen(self, images: Tensor) -> Tensor:
        side = self.recipe.classifier_px
        images = F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return torch.stack([((images[:, i] + 1) / 2 - MEAN[i]) / STD[i] for i in range(3)], dim=1)

    @staticmethod
    def _stages(network: nn.Module, images: Tensor) -> tuple[list[Tensor], Tensor]:
        part = network.get_submodule
        seen, found = part("maxpool")(torch.relu(part("bn1")(part("conv1")(images)))), []
        for number in range(1, 5):
            seen = part(f"layer{number}")(seen)
            found.append(seen)
        return found, part("fc")(seen.mean(dim=(2, 3)))

    def _apart(self, own: list[Tensor], wanted: list[Tensor]) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for stage, other in zip(own, wanted, strict=True):
            units = []
            for features in (stage, other):
                literal = self.recipe.at_form == "literal"
                flat = (features.abs().sum(1) if literal else (features**2).mean(1)).flatten(1)
                units.append(flat / (flat**2).sum(1, keepdim=True).sqrt())
            apart = units[0] - units[1]
            if self.recipe.at_form == "literal":
                total = total + (((apart**2).sum(1) + 1e-12).sqrt() - 1e-6).mean() / 2
            else:
                total = total + 1000 * (apart**2).mean()
        return total
