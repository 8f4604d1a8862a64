"""Changes of training faces that do not change what they show, made on the device that trains.

What is to be done to each face is drawn on the CPU, a row per face, so that it is the same on every device and however
a batch is dealt out; doing it is one pass over the batch.

A face is turned, moved, scaled and then mirrored in one resampling (bilinear, the border repeated), then made brighter
or darker and of more or less contrast, and last a square of it may be greyed out.

Source: of the grey square, DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout"
(2017), section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far faces are changed.

    Attributes:
        flip: mirror with probability 1/2.
        rotate_deg: turn by up to so many degrees either way.
        shift: move by up to this share of the side, along both axes.
        scale: enlarge or reduce by up to this share.
        brightness: add up to this share of the range from black to white, or take it away.
        contrast: enlarge or reduce the distances from the face's mean by up to this share.
        erase: side of the grey square as a share of the face's; 0 for none. Half of the faces get one.
        cut_px: side of the square that is cut out at random, before all else; 0 for none.
    """

    flip: bool = False
    rotate_deg: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erase: float = 0.0
    cut_px: int = 0

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return count x 9 numbers from 0 to 1, or count x 11 where a square is cut out.

        They are drawn whether used or not, so that one option changes nothing about the others.
        """
        return torch.rand(count, 11 if self.cut_px else 9, generator=generator)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return NxCxHxW images in [-1, 1], changed.

        Args:
            images: as they are; they are not written to.
            draws: N rows that `draw` gave, on the images' device.
        """
        mirrored = self.mirror(self.cut(images, draws), draws)
        return self.change(mirrored.clone() if mirrored is images else mirrored, draws)

    def cut(self, images: Tensor, draws: Tensor) -> Tensor:
        """Cut a random square out of NxCxHxW images of any type; return them unchanged if `cut_px` is 0."""
        if not self.cut_px:
            return images
        count, channels, height, width = images.shape
        spans = [side - self.cut_px + 1 for side in (height, width)]
        starts = [(draws[:, 9 + axis] * span).long().clamp(max=span - 1).view(-1, 1) for axis, span in enumerate(spans)]
        places = torch.arange(self.cut_px, device=images.device)
        down, across = (start + places for start in starts)
        faces = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
        planes = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
        return images[faces, planes, down[:, None, :, None], across[:, None, None, :]]

    def mirror(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return NxCxHxW images of any type, mirrored where that is all that moves them; the first half of `apply`."""
        if not self.flip or self._moves:
            return images
        return torch.where(_mirrored(draws).view(-1, 1, 1, 1), images.flip(3), images)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return images in [-1, 1] that `mirror` gave with all other changes made; they may be written to."""
        if self._moves:
            images = self._moved(images, draws)
        if self.brightness or self.contrast:
            images = self._relit(images, draws)
        if self.erase:
            images = self._erased(images, draws)
        return images

    @property
    def _moves(self) -> bool:
        return bool(self.rotate_deg or self.shift or self.scale)

    def _moved(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return images turned, moved, scaled and mirrored, which all go into where a pixel is looked up."""
        spread = draws[:, 1:5] * 2 - 1
        angle = spread[:, 0] * math.radians(self.rotate_deg)
        size = 1 + spread[:, 1] * self.scale
        cos, sin = (values.view(-1, 1, 1) for values in (torch.cos(angle) / size, torch.sin(angle) / size))
        # Lookups go from -1 to 1, so a shift by the whole side is 2.
        across, down = (-2 * self.shift * spread[:, axis].view(-1, 1, 1) for axis in (2, 3))
        height, width = images.shape[2:]
        x, y = _centres(width, images).view(1, 1, -1), _centres(height, images).view(1, -1, 1)
        if self.flip:
            x = torch.where(_mirrored(draws).view(-1, 1, 1), -x, x)
        # Sums of a row and a column; a matrix product for each pixel takes several times as long.
        grid = images.new_empty(len(images), height, width, 2)
        torch.add(cos * x, sin * y + across, out=grid[..., 0])
        torch.sub(cos * y + down, sin * x, out=grid[..., 1])
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _relit(self, images: Tensor, draws: Tensor) -> Tensor:
        light = ((draws[:, 5] * 2 - 1) * 2 * self.brightness).view(-1, 1, 1, 1)
        factor = (1 + (draws[:, 6] * 2 - 1) * self.contrast).view(-1, 1, 1, 1)
        means = images.mean(dim=(1, 2, 3), keepdim=True)
        # (images - means) * factor + means + light, where they lie: new memory costs more than the arithmetic.
        return images.mul_(factor).add_(means * (1 - factor) + light).clamp_(-1, 1)

    def _erased(self, images: Tensor, draws: Tensor) -> Tensor:
        side = images.shape[-1]
        places = (torch.arange(side, device=images.device) + 0.5) / side
        # One number decides whether there is a square and, stretched to 0..1 again, how high it is.
        chosen, down = draws[:, 7] < 0.5, (draws[:, 7] * 2).clamp(max=1)
        inside = [(places - centre[:, None]).abs() < self.erase / 2 for centre in (down, draws[:, 8])]
        square = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
        return images.masked_fill(square[:, None], 0.0)


def _mirrored(draws: Tensor) -> Tensor:
    """Return which faces are mirrored, N booleans."""
    return draws[:, 0] < 0.5


def _centres(side: int, like: Tensor) -> Tensor:
    """Return where the middles of a side's pixels are, if its edges are at -1 and 1."""
    return (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5) * (2 / side) - 1
