"""The image pool: a discriminator also gets images of earlier iterations of the generator.

Source: Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training" (2017),
section 2.3; size and probability from junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Stores generated images, and returns some of them in place of new ones.

    Until the pool is full, a new image is stored and returned. Then a new image is returned with probability 1/2.
    Otherwise a random stored image is returned, and the new one replaces it.

    The buffers of the module are its whole state. A system lists it in `memory`, so that checkpoints include it. The
    random numbers come from the system, a row per face. No operation waits for the device. Each process has a pool of
    its own images.

    Args:
        size: number of stored images; 0 returns every new image unchanged.
        shape: CxHxW of an image.

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
        """Return an image for each new one, detached from its graph.

        Args:
            images: NxCxHxW new images, which enter the pool one after another.
            draws: N rows of `draw`, on the same device: whether to swap, and which stored image.

        Returns:
            NxCxHxW images.
        """
        if not self.size:
            return images.detach()
        returned = []
        for image, (swap, position) in zip(images.detach()[:, None], draws, strict=True):
            full = self.filled >= self.size
            slot = torch.where(full, (position * self.size).long().clamp(max=self.size - 1), self.filled)
            stored = self.images.index_select(0, slot)
            swapped = full & (swap >= 0.5)
            new = image.to(stored.dtype)
            returned.append(torch.where(swapped, stored, new))
            self.images.index_copy_(0, slot, torch.where(full & ~swapped, stored, new))
            self.filled.add_(1).clamp_(max=self.size)
        return torch.cat(returned).to(images.dtype)
