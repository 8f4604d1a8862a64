"""The systems that can be trained, by name; nothing heavy is imported before one is built."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

from fertools.core.errors import RecipeError

Kind = Literal["translator", "classifier"]


@dataclass(frozen=True)
class Entry:
    """A system that can be trained.

    Attributes:
        module: where its class is.
        name: its class.
        recipe_module: where its recipe class is, a module that does not import torch.
        recipe_name: its recipe class.
        kind: what it does with a face: `translator` makes another of it, `classifier` says what it shows.
        title: the system's name in prose.
        source: the paper it reproduces.
    """

    module: str
    name: str
    recipe_module: str
    recipe_name: str
    kind: Kind
    title: str
    source: str

    def recipe_class(self) -> Any:
        """Return the recipe class."""
        return getattr(importlib.import_module(self.recipe_module), self.recipe_name)

    def system_class(self) -> Any:
        """Return the system's class; this imports torch."""
        return getattr(importlib.import_module(self.module), self.name)


SYSTEMS = {
    "stargan": Entry(
        module="fertools.training.systems.stargan.system",
        name="Stargan",
        recipe_module="fertools.training.systems.stargan.recipe",
        recipe_name="StarganRecipe",
        kind="translator",
        title="StarGAN",
        source="Banerjee, Emotion Generation and Recognition: A StarGAN Approach (Imperial College London, 2019)",
    ),
    "classifier": Entry(
        module="fertools.training.systems.classifier.system",
        name="Classifier",
        recipe_module="fertools.training.systems.classifier.recipe",
        recipe_name="ClassifierRecipe",
        kind="classifier",
        title="Classifier",
        source="Pons, El Ali, Cesar, ET-CycleGAN (ICMI 2020), the classifier; networks of He (2016), Simonyan (2015), "
        "Krizhevsky (2014)",
    ),
    "svm": Entry(
        module="fertools.training.systems.svm.machine",
        name="SupportVectorMachine",
        recipe_module="fertools.training.systems.svm.recipe",
        recipe_name="SvmRecipe",
        kind="classifier",
        title="Support vector machine",
        source="HOG of Dalal and Triggs (2005) or LBP of Shan et al. (2009), with a linear support vector machine",
    ),
}


def find_system(name: str) -> Entry:
    """Return the entry of a system.

    Raises:
        RecipeError: there is none of this name; the nearest is named.

    Example:
        >>> find_system("stargan").title
        'StarGAN'
    """
    if name not in SYSTEMS:
        from fertools.training.recipes.recipe import nearest

        known = ", ".join(SYSTEMS)
        raise RecipeError(f"there is no system '{name}'{nearest(name, SYSTEMS)}; fertools can train: {known}")
    return SYSTEMS[name]
