"""What a system says of itself before anything heavy is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Published:
    """What a paper reports of a training run.

    Attributes:
        parameters: counts by network.
        losses: values at the last iteration, by the names that we log them under.
        iterations: how many there were.
    """

    parameters: Mapping[str, int]
    losses: Mapping[str, float]
    iterations: int


@dataclass(frozen=True)
class MethodsText:
    """How a model was trained, for a paper's section on methods.

    Attributes:
        sentences: in order.
        references: what they cite, written out.
    """

    sentences: tuple[str, ...]
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class SystemEntry:
    """A system that can be trained; each has one in the `__init__` of its folder, which does not import torch.

    Attributes:
        title: the system's name in prose.
        source: the paper it reproduces.
        recipe: `module:class` of its recipe; the module does not import torch.
        system: `module:class` of its `System`, or of its `FittedSystem`.
        terms: what each logged term means, by its name, in the order of the charts.
        published: what the paper reports of a training run; None where it reports nothing.
        methods: `module:function`, which returns a `MethodsText` from a model's name and the record of its run; empty
            for a sentence that names the source.
    """

    title: str
    source: str
    recipe: str
    system: str
    terms: Mapping[str, str] = field(default_factory=dict)
    published: Published | None = None
    methods: str = ""

    def recipe_class(self) -> Any:
        """Return the recipe class."""
        return _load(self.recipe)

    def system_class(self) -> Any:
        """Return the system's class; this imports torch."""
        return _load(self.system)

    def describe(self, name: str, record: Mapping[str, Any]) -> MethodsText:
        """Return how a run of this system was trained.

        Args:
            name: what a reader calls the model.
            record: `system`, `source`, `recipe`, `iterations` and `sessions` of its run.
        """
        if self.methods:
            write: Callable[[str, Mapping[str, Any]], MethodsText] = _load(self.methods)
            return write(name, record)
        return MethodsText((f"{name} was trained for {record['iterations']:,} iterations, after: {record['source']}.",))


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
