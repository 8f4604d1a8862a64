"""The keys of an HA-GAN recipe; `training/ha-gan.toml` has their values and meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.course import Course
from fertools.training.recipes.domains import Domain, Modality, Pairing
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.recipes.values import bounded
from fertools.training.recipes.view import View

HUMAN, CHARACTER, NEUTRAL = "human", "character", "neutral"
"""The domains: human faces, faces of the character, and the one neutral picture of the character."""
GENERATOR, DISCRIMINATOR = "generator", "discriminator"
"""The two parts of a step; each may have its own precision."""
ANGLES_DEG = (-15.0, -12.0, -9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0, 15.0)
"""The angles of the augmentation, a tenth of those that the paper prints."""
_LEAST_PX = 16
"""Four strided convolutions of fewer pixels would see little but padding."""


@dataclass(frozen=True, kw_only=True)
class HaGanRecipe(TranslatingRecipe):
    """The recipe of an HA-GAN, or of the baseline without a generator.

    Raises:
        RecipeError: keys contradict each other: classes, sizes, or a generator without any loss on its pictures.
    """

    predicts = True

    human: Modality
    human_dataset: str
    character_modality: Modality
    character_dataset: str
    character: str
    classes: str
    method: Literal["ha-gan", "baseline"]
    load_size: int = bounded(4, 2048)
    rotations: Literal["literal", "tenth", "none"]
    conv_dim: int = bounded(1, 1024)
    code_dim: int = bounded(1, 65536)
    z_dim: int = bounded(0, 65536)
    discriminator_dim: int = bounded(1, 1024)
    hidden_dim: int = bounded(4, 65536)
    character_input: Literal["one-hot", "image"]
    d_input: Literal["split", "pair", "generated"]
    weights: Literal["means", "literal"]
    lambda_real: float = bounded(0)
    lambda_pixel: float = bounded(0)
    l1_target: Literal["neutral", "expression"]
    pixel_loss: Literal["l1", "l2"]
    d_loss_factor: float = bounded(0)
    d_lr_factor: float = bounded(0)
    epochs: int = bounded(1)
    beta1: float = bounded(0, 0.9999)
    beta2: float = bounded(0, 0.999999)
    analysis_faces: int = bounded(0, 2000)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "neutral" in read_classes(self.classes) and self.character_input == "image":
            # With the neutral picture as an input, copying it would be the answer for neutral faces.
            raise RecipeError(
                "character_input is image, and neutral is one of the classes, which a copy of that picture would show; "
                "set classes=six or character_input=one-hot"
            )
        if self.image_size < _LEAST_PX:
            raise RecipeError(f"image_size is {self.image_size}, and four strided convolutions need {_LEAST_PX} pixels")
        if self.load_size < self.image_size:
            raise RecipeError(
                f"load_size is {self.load_size}, and a square of image_size={self.image_size} is cut out of it; give "
                f"{self.image_size} or more"
            )
        if self.batch_size // self.accumulate < 2:
            raise RecipeError(
                f"batch_size is {self.batch_size} in {self.accumulate} parts, and batch norm needs two faces in each; "
                f"give batch_size={2 * self.accumulate} or more"
            )

    @property
    def domains(self) -> tuple[Domain, ...]:
        """Human faces, which also test the system, faces of the character, and its neutral picture if it is needed."""
        human = Domain(HUMAN, self.human, self.human_dataset, needs_emotion=True, real_copies=self.variants)
        if self.method == "baseline":
            return (human,)
        character = Domain(
            CHARACTER,
            self.character_modality,
            self.character_dataset,
            needs_emotion=True,
            character=self.character,
        )
        neutral = Domain(
            NEUTRAL,
            self.character_modality,
            self.character_dataset,
            needs_emotion=True,
            character=self.character,
            classes=("neutral",),
            samples=1,
            pairing="none",
        )
        return (human, character, neutral) if self.needs_neutral else (human, character)

    @property
    def domain_pairing(self) -> Pairing:
        """The face of the character has the expression of the human face."""
        return "label"

    @property
    def needs_neutral(self) -> bool:
        """Whether the neutral picture of the character takes part in training."""
        return (self.l1_target == "neutral" and self.lambda_pixel > 0) or self.character_input == "image"

    @property
    def loaded_px(self) -> int:
        """The key `load_size`."""
        return self.load_size

    @property
    def view(self) -> View:
        """The centre of the resized face, so that faces have the same scale as in training."""
        return View(self.image_size, self.load_size)

    @property
    def angles_deg(self) -> tuple[float, ...]:
        """The angles of the augmentation, in degrees."""
        factor = {"literal": 10, "tenth": 1, "none": 0}[self.rotations]
        return tuple(factor * angle for angle in ANGLES_DEG) if factor else (0.0,)

    @property
    def variants(self) -> int:
        """How often a human face comes in an epoch: five crops by all angles, each also mirrored."""
        return 5 * len(self.angles_deg) * (2 if self.flip else 1)

    @property
    def parts(self) -> tuple[str, ...]:
        """The generator and the discriminator."""
        return (GENERATOR, DISCRIMINATOR)

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system predicts expressions: always."""
        return True

    @property
    def class_names(self) -> tuple[str, ...]:
        """The expressions of both domains."""
        return read_classes(self.classes)

    @property
    def pixel_weight(self) -> float:
        """The weight of the mean difference of pixels; `literal` weighs the sum over a picture by 1."""
        return 3.0 * self.image_size**2 if self.weights == "literal" and self.lambda_pixel else self.lambda_pixel

    def course(self, faces: Mapping[str, int]) -> Course:
        """Return `epochs` passes over the augmented human faces; the last batch of a pass is filled by the next one."""
        epoch = math.ceil(faces[HUMAN] / self.batch_size)
        validates = epoch if self.val_share else 0
        return Course.of(self.epochs * epoch, epoch=epoch, validate_every=validates)
