"""A pool of made pictures: what a discriminator is shown comes partly from earlier iterations of the generator.

Source: Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training" (2017),
section 2.3; size and odds from junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps the last pictures made, and hands out some of them in place of new ones.

    Until the pool is full, a new picture is stored and returned. Then a new picture is returned with probability 1/2;
    else a stored one is, chosen at random, and the new one takes its place.

    It is a module whose buffers are its whole state, so a system lists it in `memory`, and checkpoints hold it. It
    draws nothing itself: its numbers are a row per face of what the system draws for a batch. Nothing waits for the
    device. Of several processes each has a pool of the pictures that it made.

    Args:
        size: pictures kept; 0 for none, and then new ones are returned as they are.
        shape: CxHxW of a picture.

    Example:
        >>> pool = ImagePool(50, (3, 4, 4))
        >>> new = torch.ones(2, 3, 4, 4)
        >>> torch.equal(pool.exchange(new, torch.rand(2, 2)), new)
        True
    """

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros(1, dtype=torch.int64))

    @staticmethod
    def draw(count: int, generator: torch.Generator) -> Tensor:
        """Return count x 2 numbers from 0 to 1 for `exchange`."""
        return torch.rand(count, 2, generator=generator)

    @torch.no_grad()
    def exchange(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return a picture for each new one, without a graph.

        Args:
            images: NxCxHxW, the new ones, which go in one after another.
            draws: N rows that `draw` gave, on the same device: whether the new picture is returned, and which is not.
        """
        if not self.size:
            return images.detach()
        returned = []
        for image, (keeps, place) in zip(images.detach()[:, None], draws, strict=True):
            full = self.filled >= self.size
            slot = torch.where(full, (place * self.size).long().clamp(max=self.size - 1), self.filled)
            stored = self.images.index_select(0, slot)
            swapped = full & (keeps >= 0.5)
            new = image.to(stored.dtype)
            returned.append(torch.where(swapped, stored, new))
            self.images.index_copy_(0, slot, torch.where(full & ~swapped, stored, new))
            self.filled.add_(1).clamp_(max=self.size)
        return torch.cat(returned).to(images.dtype)
