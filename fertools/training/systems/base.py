"""The contract between the engine and a system: what a system trains, what it only uses, and what it can do.

A system knows no devices, files or loops. It says what each optimiser's loss is; the engine differentiates, takes the
step, and then asks the system to go on.

Whatever is drawn for a batch has a row per face, so that the engine can split a batch over processes, or over parts
that go through one after another, and the update stays the same.

Evaluation, generation, sample grids and reports ask for what a system can do (`translations`, `prediction`) and never
which system it is.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.networks.backbones import load_weights
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.systems.optimiser_plan import OptimiserPlan

Noise = dict[str, Tensor]
"""The random numbers of one batch by name, each with a row per face."""
Autocast = Callable[[str], AbstractContextManager[object]]
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
class Translation:
    """One way in which a system turns a face into another.

    Attributes:
        name: what a reader is shown, such as `happiness` or `thermal`; no two of a system are alike.
        network: the generator, by its name in the system's `networks`.
        source: the domain whose faces it takes.
        target: the domain that its results belong to.
        emotion: the expression asked for; None where none is.
        keeps_emotion: whether the result shows the expression that the face had.
        condition: n_c numbers for the generator; None where it takes none.
        point: the valence and arousal asked for; None where none is.
        back: the network that turns the result into the face again; None where there is no way back.
    """

    name: str
    network: str
    source: str = FACES
    target: str = FACES
    emotion: str | None = None
    keeps_emotion: bool = False
    condition: Tensor | None = None
    point: tuple[float, float] | None = None
    back: str | None = None


@dataclass(frozen=True)
class Prediction:
    """What a system says of a face.

    Attributes:
        network: that says it, by its name in the system's `networks`.
        domain: the faces that it is meant for.
    """

    network: str
    domain: str = FACES


class System(ABC):
    """A model in training.

    Attributes:
        networks: what is trained, by name.
        frozen: what is only used, by name. The engine moves it to the device, keeps it in eval mode and without
            gradients, and records its digest; checkpoints do not hold it. It may be built when its weights are
            taken, and only training needs it.
        memory: what is not trained but belongs to the run's state, such as a pool of pictures, as modules with buffers.
        averaged: names of the networks whose moving average is worth keeping.
        optimisers: by name.
        augmentation: how training faces are changed.
    """

    networks: Mapping[str, nn.Module]
    frozen: Mapping[str, nn.Module] = {}
    memory: Mapping[str, nn.Module] = {}
    averaged: Sequence[str] = ()
    optimisers: Mapping[str, OptimiserPlan]
    augmentation: Augmentation = Augmentation()

    def take_weights(self, name: str, weights: StartingWeights) -> bool:
        """Put weights from elsewhere into a network, before training begins.

        Args:
            name: of the network in the recipe's `starting_weights`.
            weights: what its file holds.

        Returns:
            Whether those of the network's last layer were taken too.

        Raises:
            InputError: they are of another network.
        """
        return load_weights(self.networks[name], weights.tensors, weights.where)

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the random numbers of a batch, on the CPU.

        Args:
            labels: of the batch's faces, by domain.
            generator: that they are drawn from.
        """
        del labels, generator
        return {}

    @abstractmethod
    def iterate(self, at: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast) -> Iterator[Step]:
        """Yield the steps of one iteration, each after the one before was applied.

        Args:
            at: which iteration, and of which stage.
            batches: faces by domain.
            noise: what `draw` gave, on the device.
            cast: the precision of each part.
        """

    def translations(self, prototypes: Tensor) -> list[Translation]:
        """Return the ways in which the system turns faces into others; none where it does not.

        Args:
            prototypes: Cx2, the mean valence and arousal of each class in the training faces.
        """
        del prototypes
        return []

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        """Return Nx3xSxS images translated.

        Args:
            network: the translation's network, or its moving average.
            images: Nx3xSxS in [-1, 1].
            translation: one of `translations`.
        """
        raise NotImplementedError

    def translate_back(self, network: nn.Module, images: Tensor, translation: Translation, labels: Labels) -> Tensor:
        """Return translated images turned into the faces that they were made of, as well as the system can.

        Args:
            network: the translation's network `back`, or its moving average.
            images: what `translate` gave.
            translation: how they were made.
            labels: of the N faces that they were made of.
        """
        raise NotImplementedError

    @property
    def prediction(self) -> Prediction | None:
        """What the system says of faces; None where it says nothing."""
        return None

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxC logits and Nx2 (valence, arousal), or Nx0 each, of Nx3xSxS faces in [-1, 1].

        Args:
            network: the prediction's network, or its moving average.
            images: faces.
        """
        raise NotImplementedError

    def own_head(self, images: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return what a discriminator's own head reads in images, as `predict` does; None where there is none."""
        del images
        return None
