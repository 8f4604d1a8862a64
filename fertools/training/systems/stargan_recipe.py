"""The keys of a StarGAN recipe; `training/stargan.toml` has their values and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.training.recipe import Recipe, bounded


@dataclass(frozen=True, kw_only=True)
class StarganRecipe(Recipe):
    """How one StarGAN is trained.

    Raises:
        RecipeError: the picture's size does not suit the discriminator.
    """

    condition: Literal["class7", "va2", "class7+va2"]
    conditioning: Literal["concat", "cin"]
    conv_dim: int = bounded(1, 1024)
    generator_blocks: int = bounded(0, 64)
    discriminator_layers: int = bounded(1, 10)
    n_critic: int = bounded(1)
    lambda_cls: float = bounded(0)
    lambda_va: float = bounded(0)
    lambda_rec: float = bounded(0)
    lambda_gp: float = bounded(0)
    gp: Literal["wgan-gp", "r1", "none"]
    gp_impl: Literal["closed_form", "autograd"]

    def __post_init__(self) -> None:
        step = max(4, 2**self.discriminator_layers)
        if self.image_size % step:
            raise RecipeError(
                f"image_size is {self.image_size}, and {self.discriminator_layers} discriminator layers need a "
                f"multiple of {step}; give {max(1, round(self.image_size / step)) * step}"
            )

    @property
    def needs_emotion(self) -> bool:
        """Whether the condition has the expressions in it."""
        return self.condition.startswith("class7")

    @property
    def needs_va(self) -> bool:
        """Whether the condition has valence and arousal in it."""
        return self.condition.endswith("va2")
