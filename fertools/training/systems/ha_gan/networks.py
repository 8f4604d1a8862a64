"""HA-GAN's networks: a generator of an encoder and a decoder, and a discriminator with two heads.

The paper describes the discriminator only. The encoder and the decoder are our choice; `docs/systems/ha-gan.md` says
what they follow.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fertools.training.systems.ha_gan.recipe import HaGanRecipe

CHARACTERS = 6
"""Length of the one-hot code of a character: FERG-DB has six."""
CHARACTER_INDEX = 0
"""Position of the trained character in that code."""
_SLOPE = 0.2
"""Slope of the leaky ReLU for negative values."""


def halved_sides(size_px: int) -> list[int]:
    """Return the side of the maps before and after each of four strided convolutions.

    Example:
        >>> halved_sides(75)
        [75, 38, 19, 10, 5]
    """
    sides = [size_px]
    for _ in range(4):
        sides.append(-(-sides[-1] // 2))
    return sides


class Encoder(nn.Sequential):
    """Four strided convolutions and a linear layer, from Nx3xSxS (or Nx6xSxS) pictures to Nxcode_dim codes."""

    def __init__(self, channels: int, size_px: int, conv_dim: int, code_dim: int) -> None:
        side = halved_sides(size_px)[-1]
        super().__init__(
            *_strided_blocks(channels, conv_dim), nn.Flatten(), nn.Linear(8 * conv_dim * side * side, code_dim)
        )


class Decoder(nn.Module):
    """A linear layer and four transposed convolutions, from NxC codes to Nx3xSxS pictures in [-1, 1]."""

    def __init__(self, code_dim: int, size_px: int, conv_dim: int) -> None:
        super().__init__()
        sides = halved_sides(size_px)[::-1]
        widths = [8 * conv_dim, 4 * conv_dim, 2 * conv_dim, conv_dim, max(1, conv_dim // 2)]
        self.shape = (widths[0], sides[0], sides[0])
        self.begin = nn.Linear(code_dim, widths[0] * sides[0] * sides[0])
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for number in range(4):
            # A transposed convolution makes 2s - 1 pixels of s; one more brings back an even side.
            more = sides[number + 1] - (2 * sides[number] - 1)
            layers += [
                nn.ConvTranspose2d(widths[number], widths[number + 1], 3, 2, 1, output_padding=more),
                nn.BatchNorm2d(widths[number + 1]),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 3, 3, 1, 1), nn.Tanh())

    def forward(self, codes: Tensor) -> Tensor:
        """Return the pictures of codes."""
        pictures: Tensor = self.layers(self.begin(codes).view(-1, *self.shape))
        return pictures


class Generator(nn.Module):
    """Draws the character with the expression of a human face.

    Args:
        recipe: sizes, and how the character is named.

    Attributes:
        neutral: 3xSxS neutral picture of the character in [-1, 1], an input if the recipe names the character by it.
    """

    def __init__(self, recipe: HaGanRecipe) -> None:
        super().__init__()
        self.by_image = recipe.character_input == "image"
        self.z_dim = recipe.z_dim
        code = recipe.code_dim + (0 if self.by_image else CHARACTERS) + recipe.z_dim
        self.encoder = Encoder(6 if self.by_image else 3, recipe.image_size, recipe.conv_dim, recipe.code_dim)
        self.decoder = Decoder(code, recipe.image_size, recipe.conv_dim)
        if self.by_image:
            self.register_buffer("neutral", torch.zeros(3, recipe.image_size, recipe.image_size))

    def forward(self, human: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return Nx3xSxS pictures of the character in [-1, 1].

        Args:
            human: Nx3xSxS human faces in [-1, 1].
            noise: Nxz_dim numbers in [-1, 1]; None for zeros, as in a test.
        """
        count = len(human)
        if self.by_image:
            neutral = self.get_buffer("neutral").to(human.dtype).expand(count, -1, -1, -1)
            parts = [self.encoder(torch.cat([human, neutral], dim=1))]
        else:
            parts = [self.encoder(human)]
            one_hot = parts[0].new_zeros(count, CHARACTERS)
            one_hot[:, CHARACTER_INDEX] = 1
            parts.append(one_hot)
        if self.z_dim:
            parts.append(parts[0].new_zeros(count, self.z_dim) if noise is None else noise.to(parts[0].dtype))
        pictures: Tensor = self.decoder(torch.cat(parts, dim=1))
        return pictures


class Discriminator(nn.Module):
    """Four strided convolutions, a fully connected layer, and a head each for real-or-generated and the expression.

    Args:
        recipe: sizes, and what the heads see.
        classes: number of expressions.
        judges_real: whether it has the head for real-or-generated; the baseline has none.
    """

    def __init__(self, recipe: HaGanRecipe, classes: int, *, judges_real: bool = True) -> None:
        super().__init__()
        self.mode, self.judges_real = recipe.d_input if judges_real else "generated", judges_real
        wide, hidden = recipe.discriminator_dim, recipe.hidden_dim
        inputs = {"split": (6, 3), "pair": (6,), "generated": (3,)}[self.mode]
        # `split` has a stem for pairs and one for single faces; all later layers are shared.
        self.stems = nn.ModuleList(nn.Sequential(*_strided_blocks(channels, wide)[:2]) for channels in inputs)
        side = halved_sides(recipe.image_size)[-1]
        self.trunk = nn.Sequential(
            *_strided_blocks(3, wide)[2:],
            nn.Flatten(),
            nn.Linear(8 * wide * side * side, hidden),
            nn.LeakyReLU(_SLOPE),
        )
        if judges_real:
            self.real_head = nn.Sequential(
                nn.Linear(hidden, hidden // 4), nn.LeakyReLU(_SLOPE), nn.Linear(hidden // 4, 1)
            )
        self.class_head = nn.Sequential(
            nn.Linear(hidden, hidden // 2),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(hidden // 2, hidden // 4),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(hidden // 4, classes),
        )

    def classify(self, human: Tensor, animated: Tensor) -> Tensor:
        """Return NxC logits of the expressions.

        Args:
            human: Nx3xSxS human faces in [-1, 1]; only `pair` sees them.
            animated: Nx3xSxS faces of the character, real or generated.
        """
        logits: Tensor = self.class_head(self._features(human, animated, paired=self.mode == "pair"))
        return logits

    def judge(self, human: Tensor, animated: Tensor) -> Tensor:
        """Return N logits of being real; see `classify` for the arguments. `generated` does not see human faces."""
        logits: Tensor = self.real_head(self._features(human, animated, paired=self.mode != "generated"))
        return logits.squeeze(1)

    def judge_and_classify(self, human: Tensor, animated: Tensor) -> tuple[Tensor, Tensor]:
        """Return the results of `judge` and `classify`, in one pass if both heads see the same."""
        if self.mode == "split":
            return self.judge(human, animated), self.classify(human, animated)
        features = self._features(human, animated, paired=self.mode == "pair")
        return self.real_head(features).squeeze(1), self.class_head(features)

    def _features(self, human: Tensor, animated: Tensor, *, paired: bool) -> Tensor:
        stem = self.stems[0 if paired else -1]
        features: Tensor = self.trunk(stem(torch.cat([human, animated], dim=1) if paired else animated))
        return features


class Recogniser(nn.Module):
    """The generator and the discriminator; together they recognise the expression of a human face.

    Args:
        recipe: sizes and options.

    Attributes:
        generator: draws the character; None for the baseline, whose expression head sees the human face.
        discriminator: has the expression head.
    """

    def __init__(self, recipe: HaGanRecipe) -> None:
        super().__init__()
        baseline = recipe.method == "baseline"
        self.generator = None if baseline else Generator(recipe)
        self.discriminator = Discriminator(recipe, len(recipe.class_names), judges_real=not baseline)

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile the parts that training calls, and not `forward`, which only tests call; see `nn.Module.compile`."""
        critic = self.discriminator
        parts = [self.generator, *critic.stems, critic.trunk, critic.class_head]
        for part in (*parts, critic.real_head if critic.judges_real else None):
            if part is not None:
                part.compile(*arguments, **options)

    def forward(self, human: Tensor) -> Tensor:
        """Return NxC logits of the expressions of Nx3xSxS human faces in [-1, 1], without noise."""
        drawn = human if self.generator is None else self.generator(human)
        return self.discriminator.classify(human, drawn)


def _strided_blocks(channels: int, width: int) -> list[nn.Module]:
    """Return four strided convolutions of 1, 2, 4 and 8 times `width` channels, with batch norm from the second on."""
    layers: list[nn.Module] = []
    for number in range(4):
        layers.append(nn.Conv2d(channels, width << number, 3, 2, 1))
        if number:
            layers.append(nn.BatchNorm2d(width << number))
        layers.append(nn.LeakyReLU(_SLOPE))
        channels = width << number
    return layers
