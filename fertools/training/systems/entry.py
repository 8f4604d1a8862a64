"""Entries of systems: descriptions that are available without importing torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Published:
    """The numbers of a training run in a paper.

    Attributes:
        parameters: number of parameters by network.
        losses: losses at the last iteration, by the name in our log.
        iterations: number of iterations.
    """

    parameters: Mapping[str, int]
    losses: Mapping[str, float]
    iterations: int


@dataclass(frozen=True)
class MethodsText:
    """The text on the training of a model, for the methods section of a paper.

    Attributes:
        sentences: sentences in order.
        references: references that they cite.
    """

    sentences: tuple[str, ...]
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class SystemEntry:
    """The description of a system; the `__init__` of its folder has one and does not import torch.

    Attributes:
        title: the system's name in prose.
        source: the paper it reproduces.
        recipe: `module:class` of its recipe; the module does not import torch.
        system: `module:class` of its `System`, or of its `FittedSystem`.
        terms: meaning of each logged term by its name, in the order of the charts.
        published: numbers of the paper's training run; None if it reports none.
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
        """Return the text on the training of a run of this system.

        Args:
            name: name of the model for readers.
            record: `system`, `source`, `recipe`, `iterations` and `sessions` of its run.
        """
        if self.methods:
            write: Callable[[str, Mapping[str, Any]], MethodsText] = _load(self.methods)
            return write(name, record)
        return MethodsText((f"{name} was trained for {record['iterations']:,} iterations, after: {record['source']}.",))


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
