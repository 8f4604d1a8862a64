"""What the engine asks of a system: networks, a way to draw its randomness, and the steps of one iteration.

A system knows no devices, files or loops. It says what each network's loss is; the engine differentiates, steps the
optimiser, and then asks the system to go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

Draws = dict[str, Tensor]
"""The random numbers of one iteration, by name."""


@dataclass(frozen=True)
class Batch:
    """Some faces with their labels, on one device.

    Attributes:
        images: Nx3xHxW float32 in [-1, 1], RGB.
        emotions: N, int64 index into EMOTIONS; -1 where unknown.
        valence_arousal: Nx2 float32 in [-1, 1]; NaN where unknown.
    """

    images: Tensor
    emotions: Tensor
    valence_arousal: Tensor


@dataclass(frozen=True)
class Step:
    """One network's turn.

    Attributes:
        network: its name in the system's `networks`.
        loss: the scalar to minimise.
        terms: the loss's parts under the names they are logged by, detached.
    """

    network: str
    loss: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Target:
    """Something that a face can be translated to.

    Attributes:
        words: what a reader is told, such as `happiness`.
        emotion: the expression asked for; None where the target is a point of valence and arousal alone.
        condition: n_c numbers for the generator.
    """

    words: str
    emotion: str | None
    condition: Tensor


class System(Protocol):
    """A model in training."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The networks by name."""

    @property
    def averaged(self) -> Sequence[str]:
        """Names of the networks whose moving average is worth keeping; the first makes the pictures."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Draws:
        """Return the random numbers of one iteration, on the CPU."""

    def iterate(self, iteration: int, batch: Batch, draws: Draws) -> Iterator[Step]:
        """Yield the steps of iteration number `iteration` (from 0), each after the one before was applied."""

    def condition(self, emotions: Tensor, valence_arousal: Tensor) -> Tensor:
        """Return Nxn_c conditions that stand for N emotions and Nx2 points."""

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the system's own head reads in images: Nx7 logits and Nx2 (valence, arousal), or Nx0 each."""

    def targets(self, prototypes: Tensor) -> list[Target]:
        """Return what faces are translated to for samples; `prototypes` is 7x2, mean valence and arousal by class."""

    def translate(self, generator: nn.Module, images: Tensor, condition: Tensor) -> Tensor:
        """Return images translated by `generator` (the network or its average) to Nxn_c conditions."""
