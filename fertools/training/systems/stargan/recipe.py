"""The recipe of a StarGAN; `training/stargan.toml` has the values and the meaning of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.training.recipes.augmented import AugmentedRecipe
from fertools.training.recipes.course import Course
from fertools.training.recipes.recipe import SingleDomainRecipe, TranslatingRecipe
from fertools.training.recipes.values import bounded


@dataclass(frozen=True, kw_only=True)
class StarganRecipe(AugmentedRecipe, TranslatingRecipe, SingleDomainRecipe):
    """The recipe of a StarGAN.

    Raises:
        RecipeError: `image_size` does not fit the discriminator, or `generated_class` is set without expressions.
    """

    iterations: int = bounded(1)
    lr_schedule: Literal["constant", "linear", "cosine"]
    beta1: float = bounded(0, 0.9999)
    beta2: float = bounded(0, 0.999999)
    condition: Literal["class7", "va2", "class7+va2"]
    conditioning: Literal["concat", "cin"]
    generator_output: Literal["image", "change", "warp"]
    upsampling: Literal["transposed", "resize"]
    conv_dim: int = bounded(1, 1024)
    discriminator_conv_dim: int = bounded(0, 1024)
    generator_blocks: int = bounded(0, 64)
    discriminator_layers: int = bounded(1, 10)
    initial_weights: Literal["torch", "he"]
    generated_class: bool
    head_start: int = bounded(0)
    input_noise: float = bounded(0, 1)
    n_critic: int = bounded(1)
    lambda_cls: float = bounded(0)
    lambda_va: float = bounded(0)
    lambda_rec: float = bounded(0)
    lambda_change: float = bounded(0)
    lambda_gp: float = bounded(0)
    gp: Literal["wgan-gp", "r1", "none"]
    gp_impl: Literal["closed_form", "autograd"]
    augmented: Literal["faces", "seen"]

    def __post_init__(self) -> None:
        super().__post_init__()
        step = max(4, 2**self.discriminator_layers)
        if self.image_size % step:
            raise RecipeError(
                f"image_size is {self.image_size}, but {self.discriminator_layers} discriminator layers need a "
                f"multiple of {step}; give {max(1, round(self.image_size / step)) * step}"
            )

        if self.generated_class and not self.needs_emotion:
            raise RecipeError("generated_class adds a class to the expressions, but va2 has none; use condition=class7")

    @property
    def parts(self) -> tuple[str, ...]:
        """The two networks and the gradient penalty."""
        return ("generator", "discriminator", "penalty")

    def course(self, faces: Mapping[str, int]) -> Course:
        """Return the course of `iterations` iterations, with a validation after each sample if there is a judge."""
        return Course.of(self.iterations, validate_every=self.sample_every if self.judge else 0)

    @property
    def needs_emotion(self) -> bool:
        """Whether the condition includes the expressions."""
        return self.condition.startswith("class7")

    @property
    def needs_va(self) -> bool:
        """Whether the condition includes valence and arousal."""
        return self.condition.endswith("va2")
