"""What the engine asks of a system: networks, optimisers, a way to draw its randomness, and the steps of one iteration.

A system knows no devices, files or loops. It says what each optimiser's loss is; the engine differentiates, takes the
step, and then asks the system to go on.

Whatever is drawn for a batch has a row per face, so that the engine can deal a batch out to processes, or to parts that
go through one after another, and the update stays the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from fertools.training.data.batch import Batch, Labels
from fertools.training.systems.optimiser_plan import OptimiserPlan

Draws = dict[str, Tensor]
"""The random numbers of one batch by name, each with a row per face."""
Cast = Callable[[str], AbstractContextManager[object]]
"""Gives, for a part of a step, the context in which it runs in its precision."""


def full_precision(part: str) -> AbstractContextManager[object]:
    """Return a context that changes nothing: every part runs in the precision of its weights."""
    del part
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Step:
    """One optimiser's turn.

    Attributes:
        optimiser: its name in the system's `optimisers`.
        loss: the scalar to minimise.
        terms: the loss's parts under the names they are logged by, detached.
    """

    optimiser: str
    loss: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Target:
    """Something that a face can be translated to.

    Attributes:
        words: what a reader is told, such as `happiness`.
        emotion: the expression asked for; None where the target is a point of valence and arousal alone.
        condition: n_c numbers for the generator.
        point: the valence and arousal asked for; None where the target is an expression alone.
    """

    words: str
    emotion: str | None
    condition: Tensor
    point: tuple[float, float] | None = None


class System(Protocol):
    """A model in training."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The networks by name."""

    @property
    def averaged(self) -> Sequence[str]:
        """Names of the networks whose moving average is worth keeping; the first is what is used in the end."""

    @property
    def optimisers(self) -> Mapping[str, OptimiserPlan]:
        """The optimisers by name."""

    @property
    def memory(self) -> Mapping[str, nn.Module]:
        """What is not trained but belongs to the run's state, such as a pool of pictures, as modules with buffers."""

    def draw(self, labels: Labels, generator: torch.Generator) -> Draws:
        """Return the random numbers of a batch with these labels, on the CPU."""

    def iterate(self, iteration: int, batch: Batch, draws: Draws, cast: Cast) -> Iterator[Step]:
        """Yield the steps of iteration number `iteration` (from 0), each after the one before was applied."""


class TranslatingSystem(System, Protocol):
    """A system that turns faces into others."""

    def condition(self, emotions: Tensor, valence_arousal: Tensor) -> Tensor:
        """Return Nxn_c conditions that stand for N emotions and Nx2 points."""

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the system's own head reads in images: Nx7 logits and Nx2 (valence, arousal), or Nx0 each."""

    def targets(self, prototypes: Tensor) -> list[Target]:
        """Return what faces are translated to for samples; `prototypes` is 7x2, mean valence and arousal by class."""

    def translate(self, generator: nn.Module, images: Tensor, condition: Tensor) -> Tensor:
        """Return images translated by `generator` (the network or its average) to Nxn_c conditions."""


class ClassifyingSystem(System, Protocol):
    """A system that says what faces show."""

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxC logits and Nx2 (valence, arousal), or Nx0 each, as `network` (or its average) reads them."""
