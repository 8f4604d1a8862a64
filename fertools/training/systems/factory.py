"""Build a system from its recipe."""

from __future__ import annotations

import torch

from fertools.training.recipes.recipe import Recipe, Resolved
from fertools.training.systems.base import System
from fertools.training.systems.fitted import FittedSystem
from fertools.training.systems.registry import find_system


def build_system(resolved: Resolved[Recipe]) -> System:
    """Return the system with initial weights that depend only on the seed of the recipe.

    The global random state of torch, which initialises the weights, is restored afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(resolved.recipe.seed)
        system: System = find_system(resolved.system).system_class()(resolved.recipe)
    return system


def build_fitted(resolved: Resolved[Recipe]) -> FittedSystem:
    """Return a system that is fitted without iterations."""
    system: FittedSystem = find_system(resolved.system).system_class()(resolved.recipe)
    return system
