"""The keys of a recipe that set the augmentation of training faces."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.recipes.values import bounded


@dataclass(frozen=True, kw_only=True)
class AugmentedRecipe(EngineRecipe):
    """The base class of recipes with every augmentation; see `fertools.training.data.augmentation.Augmentation`."""

    rotate_deg: float = bounded(0, 180)
    shift: float = bounded(0, 0.5)
    scale: float = bounded(0, 0.9)
    brightness: float = bounded(0, 1)
    contrast: float = bounded(0, 1)
    erase: float = bounded(0, 1)
