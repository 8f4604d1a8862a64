"""Changes of training faces that do not change what they show, made on the device that trains.

What is to be done to each face is drawn on the CPU, a row per face, so that it is the same on every device and however
a batch is dealt out; doing it is one pass over the batch.

A face is turned, moved and scaled in one resampling (bilinear, the border repeated), then mirrored, then made brighter
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
    """

    flip: bool = False
    rotate_deg: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erase: float = 0.0

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return count x 9 numbers from 0 to 1.

        They are drawn whether used or not, so that one option changes nothing about the others.
        """
        return torch.rand(count, 9, generator=generator)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return NxCxHxW images in [-1, 1], changed.

        Args:
            images: as they are; they are not written to.
            draws: N rows that `draw` gave, on the images' device.
        """
        if self.rotate_deg or self.shift or self.scale:
            images = self._moved(images, draws)
        if self.flip:
            images = torch.where(draws[:, 0].lt(0.5).view(-1, 1, 1, 1), images.flip(3), images)
        if self.brightness or self.contrast:
            images = self._relit(images, draws)
        if self.erase:
            images = self._erased(images, draws)
        return images

    def _moved(self, images: Tensor, draws: Tensor) -> Tensor:
        spread = draws[:, 1:5] * 2 - 1
        angle = spread[:, 0] * math.radians(self.rotate_deg)
        size = 1 + spread[:, 1] * self.scale
        cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
        # The grid goes from -1 to 1, so a shift by the whole side is 2.
        across, down = (-2 * self.shift * spread[:, axis] for axis in (2, 3))
        rows = torch.stack([torch.stack([cos, sin, across], 1), torch.stack([-sin, cos, down], 1)], 1)
        grid = F.affine_grid(rows, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _relit(self, images: Tensor, draws: Tensor) -> Tensor:
        light = ((draws[:, 5] * 2 - 1) * 2 * self.brightness).view(-1, 1, 1, 1)
        factor = (1 + (draws[:, 6] * 2 - 1) * self.contrast).view(-1, 1, 1, 1)
        means = images.mean(dim=(1, 2, 3), keepdim=True)
        return ((images - means) * factor + means + light).clamp(-1, 1)

    def _erased(self, images: Tensor, draws: Tensor) -> Tensor:
        side = images.shape[-1]
        places = (torch.arange(side, device=images.device) + 0.5) / side
        # One number decides whether there is a square and, stretched to 0..1 again, how high it is.
        chosen, down = draws[:, 7] < 0.5, (draws[:, 7] * 2).clamp(max=1)
        inside = [(places - centre[:, None]).abs() < self.erase / 2 for centre in (down, draws[:, 8])]
        square = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
        return images.masked_fill(square[:, None], 0.0)
