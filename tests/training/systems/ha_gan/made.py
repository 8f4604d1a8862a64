"""Small HA-GANs, batches for them, and a run of their steps without the engine."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fertools.training.data.batch import Batch
from fertools.training.engine.optimisers import build_optimiser
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.ha_gan.recipe import HaGanRecipe
from fertools.training.systems.ha_gan.system import HaGan
from tests.training.systems.logged_steps import Turn, take_steps

TINY = ("image_size=19", "load_size=23", "batch_size=4", "use_weight=false", "lr=2e-4")
"""Laid over the preset `smoke`. An odd side makes maps of 19, 10, 5, 3 and 2 pixels."""


def recipe(*overrides: str, preset: str = "smoke") -> HaGanRecipe:
    tiny = TINY if preset == "smoke" else ()
    return resolve_recipe("ha-gan", HaGanRecipe, preset, (*tiny, *overrides)).recipe


def system(*overrides: str) -> HaGan:
    torch.manual_seed(0)
    built = HaGan(recipe(*overrides))
    for module in built.networks.values():
        module.double()
    return built


def turns(built: HaGan, count: int, seed: int = 5) -> list[Turn]:
    """Return batches of all domains, as pairs of the same expression, with the noise that is drawn for them."""
    generator = torch.Generator().manual_seed(seed)
    size, side, classes = built.recipe.batch_size, built.recipe.image_size, len(built.recipe.class_names)
    neutral = torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64) * 2 - 1
    result = []
    for number in range(count):
        emotions = torch.tensor([(2 * number + row) % classes for row in range(size)])
        batches = {}
        for domain in built.recipe.domains:
            images = torch.rand(size, 3, side, side, generator=generator, dtype=torch.float64) * 2 - 1
            if domain.name == "neutral":
                images, emotions = neutral.expand(size, -1, -1, -1), torch.zeros(size, dtype=torch.int64)
            batches[domain.name] = Batch(
                emotions,
                torch.full((size, 2), torch.nan),
                torch.linspace(0.5, 1.5, size, dtype=torch.float64),
                torch.full((size, classes), torch.nan, dtype=torch.float64),
                images,
            )
        noise = {name: value.double() for name, value in built.draw(batches, generator).items()}
        result.append((batches, noise))
    return result


def run(built: HaGan, data: Sequence[Turn]) -> list[dict[str, float]]:
    """Take the steps of some iterations, each by its own optimiser, and return what was logged."""
    optimisers = {name: build_optimiser(plan, built.networks) for name, plan in built.optimisers.items()}
    return take_steps(built, optimisers, data)
