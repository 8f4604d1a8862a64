"""Augmentation of training faces, on the device that trains.

The random numbers are drawn on the CPU, one row per face. So they are the same on every device, and for any number of
processes. One pass over the batch applies them.

Rotation, translation, scaling and mirroring take one bilinear resampling; the border is repeated. Brightness and
contrast follow. Random erasing comes last.

Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout" (2017), section 3,
for the erasing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.recipes.augmented import AugmentedRecipe

_MIRROR, _ANGLE, _CUT = 0, 1, 9
"""Columns of the draws for mirroring, the angle, and the position of the crop (down; across is the next one)."""
_CORNERS = 5
"""Positions of the crop `five`: four corners, then the centre."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The strength of each augmentation; 0 and False switch it off.

    Attributes:
        flip: mirror horizontally with probability 1/2.
        rotate_deg: largest rotation in degrees, to either side.
        shift: largest translation along each axis, as a share of the side.
        scale: largest change of size, as a share.
        brightness: largest change of brightness, as a share of the range from black to white.
        contrast: largest change of contrast, as a share; the mean of the face is kept.
        erase: side of the grey square, as a share of the side of the face. Half of the faces get one.
        cut_px: side of a crop in pixels, which is taken first; 0 for none.
        cut_at: position of the crop. `random`: anywhere; `five`: one of the four corners or the centre; `centre`.
        angles_deg: the face is rotated by one of these angles, after the crop; empty for the range of `rotate_deg`.

    Example:
        >>> augmentation = Augmentation(flip=True, rotate_deg=10)
        >>> draws = augmentation.draw(2, torch.Generator().manual_seed(0))
        >>> tuple(augmentation.apply(torch.zeros(2, 3, 16, 16), draws).shape)
        (2, 3, 16, 16)
    """

    flip: bool = False
    rotate_deg: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erase: float = 0.0
    cut_px: int = 0
    cut_at: Literal["random", "five", "centre"] = "random"
    angles_deg: tuple[float, ...] = ()

    @classmethod
    def of(cls, recipe: AugmentedRecipe) -> Self:
        """Return the augmentation of a recipe, without a random crop."""
        return cls(
            flip=recipe.flip,
            rotate_deg=recipe.rotate_deg,
            shift=recipe.shift,
            scale=recipe.scale,
            brightness=recipe.brightness,
            contrast=recipe.contrast,
            erase=recipe.erase,
        )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return count x 9 numbers from 0 to 1; count x 11 with a random crop.

        Every number is drawn, whether it is used or not. So one option does not change the numbers of the others.
        """
        return torch.rand(count, 11 if self.cut_px else 9, generator=generator)

    @property
    def variants(self) -> int:
        """The number of combinations of a crop, an angle and mirroring, if all are from a list; else 1."""
        listed = self.cut_at == "five" and bool(self.angles_deg) and self.flip
        return _CORNERS * len(self.angles_deg) * 2 if listed else 1

    def at_variant(self, draws: Tensor, numbers: Tensor) -> Tensor:
        """Return draws that give each face a certain combination of crop, angle and mirroring.

        Args:
            draws: N rows of `draw`. They come back as they are, if there is only one variant.
            numbers: N numbers of variants; those that are `variants` apart are the same.

        Example:
            >>> augmentation = Augmentation(flip=True, cut_px=8, cut_at="five", angles_deg=(-9, 0, 9))
            >>> draws = augmentation.draw(30, torch.Generator().manual_seed(0))
            >>> distinct = augmentation.at_variant(draws, torch.arange(30))[:, [0, 1, 9]].unique(dim=0)
            >>> augmentation.variants, len(distinct)
            (30, 30)
        """
        if self.variants == 1:
            return draws
        angles, chosen = len(self.angles_deg), draws.clone()
        for column, number, count in (
            (_CUT, numbers % _CORNERS, _CORNERS),
            (_ANGLE, numbers // _CORNERS % angles, angles),
            (_MIRROR, numbers // (_CORNERS * angles) % 2, 2),
        ):
            # The middle of each interval, so that no rounding gives a neighbour.
            chosen[:, column] = (number + 0.5) / count
        return chosen

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return augmented images, NxCxHxW in [-1, 1].

        Args:
            images: NxCxHxW in [-1, 1]. They are not modified.
            draws: N rows of `draw`, on the device of the images.
        """
        mirrored = self.mirror(self.cut(images, draws), draws)
        return self.change(mirrored.clone() if mirrored is images else mirrored, draws)

    def cut(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return a random square crop of NxCxHxW images of any type; the images themselves if `cut_px` is 0."""
        if not self.cut_px:
            return images
        count, channels, height, width = images.shape
        starts = [start.view(-1, 1) for start in self._starts((height - self.cut_px, width - self.cut_px), draws)]
        offsets = torch.arange(self.cut_px, device=images.device)
        down, across = (start + offsets for start in starts)
        faces = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
        planes = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
        return images[faces, planes, down[:, None, :, None], across[:, None, None, :]]

    def _starts(self, most: tuple[int, int], draws: Tensor) -> list[Tensor]:
        """Return the first row and the first column of the crop of each face, from 0 to `most`."""
        if self.cut_at == "random":
            return [(draws[:, _CUT + axis] * (last + 1)).long().clamp(max=last) for axis, last in enumerate(most)]
        if self.cut_at == "centre":
            return [torch.full((len(draws),), last // 2, device=draws.device) for last in most]
        number = _pick(draws[:, _CUT], _CORNERS)
        corners = (number // 2, number % 2)
        return [
            torch.where(number == _CORNERS - 1, last // 2, corner * last)
            for last, corner in zip(most, corners, strict=True)
        ]

    def mirror(self, images: Tensor, draws: Tensor) -> Tensor:
        """Mirror NxCxHxW images of any type. If `change` resamples them anyway, it mirrors them in the same pass."""
        if not self.flip or self._moves:
            return images
        return torch.where(_mirrored(draws).view(-1, 1, 1, 1), images.flip(3), images)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Apply all other augmentations to images of `mirror` in [-1, 1], which may be modified in place."""
        if self._moves:
            images = self._moved(images, draws)
        if self.brightness or self.contrast:
            images = self._relit(images, draws)
        if self.erase:
            images = self._erased(images, draws)
        return images

    @property
    def _moves(self) -> bool:
        return bool(self.rotate_deg or self.shift or self.scale or self.angles_deg)

    def _moved(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return images rotated, translated, scaled and mirrored in one resampling."""
        signed = draws[:, 1:5] * 2 - 1
        if self.angles_deg:
            angles = draws.new_tensor(self.angles_deg) * (math.pi / 180)
            angle = angles[_pick(draws[:, _ANGLE], len(angles))]
        else:
            angle = signed[:, 0] * math.radians(self.rotate_deg)
        size = 1 + signed[:, 1] * self.scale
        cos, sin = (values.view(-1, 1, 1) for values in (torch.cos(angle) / size, torch.sin(angle) / size))
        # The sampling grid goes from -1 to 1, so a shift by the whole side is 2.
        across, down = (-2 * self.shift * signed[:, axis].view(-1, 1, 1) for axis in (2, 3))
        height, width = images.shape[2:]
        x, y = _centres(width, images).view(1, 1, -1), _centres(height, images).view(1, -1, 1)
        if self.flip:
            x = torch.where(_mirrored(draws).view(-1, 1, 1), -x, x)
        # The sum of a row and a column is several times as fast as a matrix product for each pixel.
        grid = images.new_empty(len(images), height, width, 2)
        torch.add(cos * x, sin * y + across, out=grid[..., 0])
        torch.sub(cos * y + down, sin * x, out=grid[..., 1])
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _relit(self, images: Tensor, draws: Tensor) -> Tensor:
        light = ((draws[:, 5] * 2 - 1) * 2 * self.brightness).view(-1, 1, 1, 1)
        factor = (1 + (draws[:, 6] * 2 - 1) * self.contrast).view(-1, 1, 1, 1)
        means = images.mean(dim=(1, 2, 3), keepdim=True)
        # (images - means) * factor + means + light, in place: new memory costs more than the arithmetic.
        return images.mul_(factor).add_(means * (1 - factor) + light).clamp_(-1, 1)

    def _erased(self, images: Tensor, draws: Tensor) -> Tensor:
        side = images.shape[-1]
        centres = (torch.arange(side, device=images.device) + 0.5) / side
        # One number decides both whether there is a square and, stretched to 0..1 again, its vertical position.
        chosen, down = draws[:, 7] < 0.5, (draws[:, 7] * 2).clamp(max=1)
        inside = [(centres - centre[:, None]).abs() < self.erase / 2 for centre in (down, draws[:, 8])]
        square = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
        return images.masked_fill(square[:, None], 0.0)


def _mirrored(draws: Tensor) -> Tensor:
    """Return which faces are mirrored, N booleans."""
    return draws[:, _MIRROR] < 0.5


def _pick(draws: Tensor, count: int) -> Tensor:
    """Return a whole number below `count` for each draw from 0 to 1."""
    return (draws * count).long().clamp(max=count - 1)


def _centres(side: int, like: Tensor) -> Tensor:
    """Return the pixel centres along a side that runs from -1 to 1."""
    return (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5) * (2 / side) - 1
