"""Small systems of unpaired recognition, batches for them, and a run of their steps without the engine."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fertools.training.data.batch import Batch
from fertools.training.engine.optimisers import build_optimiser
from fertools.training.recipes.course import Course, Stage
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import Noise
from fertools.training.systems.unpaired.recipe import CLASSIFIERS, GUIDANCE, THERMAL, VISIBLE, UnpairedRecipe
from fertools.training.systems.unpaired.system import Unpaired

TINY = ("width=0.0625", "image_size=32", "load_size=32", "batch_size=3", "use_weight=false", "lr=2e-4")
"""Laid over the preset `smoke`. A step of its larger rate makes much of what is rounded."""
COURSE = Course((Stage(CLASSIFIERS, 2), Stage(GUIDANCE, 4)))
DIFFERING = ("classes=anger,fear,happiness,surprise", "thermal_classes=happiness,neutral,surprise")
Turn = tuple[dict[str, Batch], Noise]


def recipe(*overrides: str) -> UnpairedRecipe:
    return resolve_recipe("unpaired", UnpairedRecipe, "smoke", (*TINY, *overrides)).recipe


def system(*overrides: str) -> Unpaired:
    torch.manual_seed(0)
    built = Unpaired(recipe(*overrides))
    for module in (*built.networks.values(), *built.memory.values()):
        module.double()
    return built


def batch(images: Tensor, emotions: Sequence[int], classes: int) -> Batch:
    count = len(images)
    weights = torch.linspace(0.5, 1.5, count, dtype=torch.float64)
    shares = torch.full((count, classes), torch.nan, dtype=torch.float64)
    return Batch(torch.tensor(emotions), torch.full((count, 2), torch.nan), weights, shares, images)


def turns(built: Unpaired, count: int = COURSE.iterations, seed: int = 5) -> list[Turn]:
    """Return batches of both domains, in which each class comes, with all that is drawn for them."""
    generator = torch.Generator().manual_seed(seed)
    shape = built.recipe.batch_size, 3, built.recipe.image_size, built.recipe.image_size
    sizes = {VISIBLE: len(built.recipe.class_names), THERMAL: len(built.recipe.thermal_class_names)}
    result = []
    for number in range(count):
        batches = {
            name: batch(
                torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1,
                [(number + step * (2 if name == VISIBLE else 1)) % classes for step in range(shape[0])],
                classes,
            )
            for name, classes in sizes.items()
        }
        noise = {name: value.double() for name, value in built.draw(batches, generator).items()}
        result.append((batches, noise))
    return result


def run(built: Unpaired, data: Sequence[Turn], course: Course = COURSE) -> list[dict[str, float]]:
    """Take the steps of some iterations, each by its own optimiser, and return what was logged."""
    optimisers = {name: build_optimiser(plan, built.networks) for name, plan in built.optimisers.items()}
    logs = []
    for number, (batches, noise) in enumerate(data):
        log: dict[str, float] = {}
        for step in built.iterate(course.at(number), batches, noise):
            optimisers[step.optimiser].zero_grad()
            torch.autograd.backward(step.loss)
            optimisers[step.optimiser].step()
            log |= {name: value.item() for name, value in step.terms.items()}
        logs.append(log)
    return logs
