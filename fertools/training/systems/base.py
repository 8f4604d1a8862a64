"""The contract between the engine and a system: what a system trains, what it only uses, and what it can do.

A system knows no devices, files or loops. It computes the loss of each optimiser. The engine differentiates the loss,
takes the step, and then continues the iteration of the system.

All random numbers of a batch have a row per face. So the engine can split a batch over processes or micro-batches, and
the update stays the same.

Evaluation, generation, sample grids and reports ask what a system can do (`translations`, `prediction`) and never which
system it is.
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
from fertools.training.systems.analysis import Analysis
from fertools.training.systems.optimiser_plan import OptimiserPlan

Noise = dict[str, Tensor]
"""The random numbers of a batch by name, each with a row per face."""
Autocast = Callable[[str], AbstractContextManager[object]]
"""Returns the autocast context of a part of a step."""


def full_precision(part: str) -> AbstractContextManager[object]:
    """Return a context without autocast: every part runs in the precision of its weights."""
    del part
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Step:
    """One step of an optimiser.

    Attributes:
        optimiser: name of the optimiser in the system's `optimisers`.
        loss: scalar to minimise.
        terms: detached loss terms by the name in the log.
    """

    optimiser: str
    loss: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Translation:
    """A translation of faces from a source domain to a target.

    Attributes:
        name: unique name for readers, such as `happiness` or `thermal`.
        network: name of the generator in the system's `networks`.
        source: source domain.
        target: target domain.
        emotion: target expression; None for no target expression.
        keeps_emotion: whether a generated face keeps the expression of the input.
        condition: n_c numbers for the generator; None if it takes none.
        valence_arousal: target valence and arousal, each -1 to 1; None for no such target.
        back: name of the network that translates back; None if there is none.
    """

    name: str
    network: str
    source: str = FACES
    target: str = FACES
    emotion: str | None = None
    keeps_emotion: bool = False
    condition: Tensor | None = None
    valence_arousal: tuple[float, float] | None = None
    back: str | None = None


@dataclass(frozen=True)
class Prediction:
    """The network of a system that predicts expressions, or valence and arousal.

    Attributes:
        network: name of the network in the system's `networks`.
        domain: domain of its faces.
        classes: the expressions that it predicts, if they are not all of its domain. Faces with other expressions are
            then not predicted. Empty for all expressions of the domain.
    """

    network: str
    domain: str = FACES
    classes: tuple[str, ...] = ()


class System(ABC):
    """A model in training.

    Attributes:
        networks: trained networks by name.
        frozen: networks that are used but not trained, by name. The engine moves them to the device, keeps them in eval
            mode and without gradients, and records their digests. Checkpoints do not include them. A system may build
            them in `take_weights`. Only training needs them.
        memory: state that is not trained, such as an image pool, as modules with buffers. Checkpoints include it.
        averaged: names of the networks that may have a moving average.
        optimisers: plans of the optimisers by name.
        augmentation: augmentation of training faces.
        augmentations: augmentation of the training faces of single domains, by domain, if another.
        further_predictions: predictions of further networks. A run writes and measures them beside `prediction`.
        analysed_faces: number of held-out faces of each domain for `analyse`; 0 for none.
        further_models: further networks that a finished run keeps as model files: the domain of the faces by name of
            the network.
    """

    networks: Mapping[str, nn.Module]
    frozen: Mapping[str, nn.Module] = {}
    memory: Mapping[str, nn.Module] = {}
    averaged: Sequence[str] = ()
    optimisers: Mapping[str, OptimiserPlan]
    augmentation: Augmentation = Augmentation()
    augmentations: Mapping[str, Augmentation] = {}
    further_predictions: Sequence[Prediction] = ()
    further_models: Mapping[str, str] = {}
    analysed_faces: int = 0

    @property
    def controls(self) -> Mapping[str, str]:
        """Predictions from changed inputs, which a run writes beside those of `prediction`: by name what is changed.

        A system with controls has the method `predict_control`; see `fertools.training.systems.capabilities`.
        """
        return {}

    def take_weights(self, name: str, weights: StartingWeights) -> bool:
        """Load the recipe's starting weights into a network, before training begins.

        Args:
            name: name of the network in the recipe's `starting_weights`.
            weights: content of the file of weights.

        Returns:
            Whether the weights of the network's last layer were loaded, too.

        Raises:
            InputError: the weights belong to another network.
        """
        return load_weights(self.networks[name], weights.tensors, weights.where)

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the random numbers of a batch, on the CPU.

        Args:
            labels: labels of the faces of the batch, by domain.
            generator: random generator.
        """
        del labels, generator
        return {}

    @abstractmethod
    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast
    ) -> Iterator[Step]:
        """Yield the steps of one iteration. The engine applies each step before it asks for the next one.

        Args:
            iteration: number of the iteration, and its stage.
            batches: faces by domain.
            noise: random numbers of `draw`, on the device.
            cast: autocast context of each part.
        """

    def translations(self, prototypes: Tensor) -> list[Translation]:
        """Return the translations of the system; empty if it does not translate.

        A system with translations has the method `translate`. It also has `translate_back` if some of them have a
        network `back`. See `fertools.training.systems.capabilities`.

        Args:
            prototypes: Cx2 mean valence and arousal of each class in the training faces.
        """
        del prototypes
        return []

    @property
    def prediction(self) -> Prediction | None:
        """The predicting network; None if the system does not predict. A system with a prediction has `predict`."""
        return None

    def analyse(self, networks: Mapping[str, nn.Module], images: Mapping[str, Tensor]) -> Analysis | None:
        """Return figures of a finished system beyond predictions and translations; None for none.

        Args:
            networks: all networks by name, or their moving averages.
            images: Nx3xSxS held-out faces in [-1, 1], by domain.
        """
        del networks, images
        return None

    def discriminator_head(self, images: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return the predictions of a discriminator's own head in the form of `predict`; None if it has none."""
        del images
        return None
