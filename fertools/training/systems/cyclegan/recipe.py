"""The keys of a CycleGAN recipe; `training/cyclegan.toml` has their values and meaning."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.training.networks.image_sizes import (
    RESNET_GENERATOR_LEAST_PX,
    RESNET_GENERATOR_STEP_PX,
    patchgan_least_px,
)
from fertools.training.recipes.course import Course
from fertools.training.recipes.domains import Domain, Modality, Pairing
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.recipes.values import bounded

SOURCE, TARGET = "source", "target"
"""The two domains."""
GENERATOR, DISCRIMINATOR = "generator", "discriminator"
"""The two parts of a step; each may have its own precision."""


@dataclass(frozen=True, kw_only=True)
class TwoWayRecipe(TranslatingRecipe, ABC):
    """The recipe of every system built on CycleGAN: two domains, with a generator and a discriminator for each.

    Raises:
        RecipeError: the networks cannot take the image size, or both domains are the same faces.
    """

    source: Modality
    target: Modality
    source_dataset: str
    target_dataset: str
    load_size: int = bounded(4, 2048)
    conv_dim: int = bounded(1, 1024)
    generator_blocks: int = bounded(0, 64)
    discriminator_layers: int = bounded(1, 10)
    gan_mode: Literal["lsgan", "vanilla"]
    lambda_cycle: float = bounded(0)
    lambda_identity: float = bounded(0)
    pool_size: int = bounded(0, 100_000)
    beta1: float = bounded(0, 0.9999)
    beta2: float = bounded(0, 0.999999)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size % RESNET_GENERATOR_STEP_PX:
            step = RESNET_GENERATOR_STEP_PX
            raise RecipeError(
                f"image_size is {self.image_size}, and the generators need a multiple of {step}; give "
                f"{math.ceil(self.image_size / step) * step}"
            )
        least = max(RESNET_GENERATOR_LEAST_PX, patchgan_least_px(self.discriminator_layers))
        if self.image_size < least:
            raise RecipeError(
                f"image_size is {self.image_size}, and a discriminator of {self.discriminator_layers} layers needs "
                f"{least} pixels; give {least} or more, or fewer discriminator_layers"
            )
        if self.load_size < self.image_size:
            raise RecipeError(
                f"load_size is {self.load_size}, and a square of image_size={self.image_size} is cut out of it; give "
                f"{self.image_size} or more"
            )
        if (self.source, self.source_dataset) == (self.target, self.target_dataset):
            raise RecipeError(
                f"source and target are both the {self.source} faces of "
                f"{f'the dataset {self.source_dataset}' if self.source_dataset else 'all datasets'}; give another "
                "target, such as target=thermal, or other datasets"
            )

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The domain of the faces to translate, and the domain that they should look like."""
        labelled = self.domain_pairing == "label"
        return (
            Domain(SOURCE, self.source, self.source_dataset, needs_emotion=labelled),
            Domain(TARGET, self.target, self.target_dataset, needs_emotion=labelled),
        )

    @property
    def loaded_px(self) -> int:
        """The key `load_size`."""
        return self.load_size

    @property
    def parts(self) -> tuple[str, ...]:
        """Both generators, and both discriminators."""
        return (GENERATOR, DISCRIMINATOR)

    @property
    def cycle_weight(self) -> float:
        """The weight of the cycle loss beside the adversarial loss."""
        return self.lambda_cycle

    @property
    def identity_weight(self) -> float:
        """The weight of the identity loss beside the adversarial loss; the recipe has it as a share of the cycle's."""
        return self.lambda_cycle * self.lambda_identity

    @property
    def falling_epochs(self) -> int:
        """Epochs over which the learning rate falls, for the schedule `epochs`."""
        return 0


@dataclass(frozen=True, kw_only=True)
class TwoWayEpochsRecipe(TwoWayRecipe, ABC):
    """The recipe of a system built on CycleGAN whose length is counted in epochs.

    Raises:
        RecipeError: see `TwoWayRecipe`.
    """

    epochs: int = bounded(1)
    decay_epochs: int = bounded(0)

    @property
    def falling_epochs(self) -> int:
        """The key `decay_epochs`."""
        return self.decay_epochs

    def course(self, faces: Mapping[str, int]) -> Course:
        """Return `epochs` and then `decay_epochs` passes over the larger domain."""
        epoch = math.ceil(max(faces.values()) / self.batch_size)
        total = (self.epochs + self.decay_epochs) * epoch
        return Course.of(total, epoch=epoch, validate_every=self.sample_every if self.judge else 0)


@dataclass(frozen=True, kw_only=True)
class CycleganRecipe(TwoWayEpochsRecipe):
    """The recipe of a CycleGAN.

    Raises:
        RecipeError: the networks cannot take the image size, or both domains are the same faces.
    """

    pairing: Pairing

    @property
    def domain_pairing(self) -> Pairing:
        """The key `pairing`."""
        return self.pairing
