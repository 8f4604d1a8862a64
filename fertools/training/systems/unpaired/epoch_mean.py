"""A running mean over the current epoch that checkpoints include."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EpochMean(nn.Module):
    """A running mean that restarts with each epoch.

    Its numbers stay on the device, so that the CPU does not wait for a GPU.

    Example:
        >>> mean = EpochMean()
        >>> [mean.add(torch.tensor(values), epoch).item() for values, epoch in (([1.0, 2.0], 0), ([3.0, 3.0], 1))]
        [1.5, 3.0]
    """

    def __init__(self) -> None:
        super().__init__()
        for name in ("epoch", "total", "count"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def add(self, values: Tensor, epoch: int) -> Tensor:
        """Add N values of an epoch (numbered from 0), and return the mean of all its values so far."""
        buffers = dict(self.named_buffers())
        same = (buffers["epoch"] == epoch).to(values.dtype)
        buffers["total"].copy_(buffers["total"] * same + values.sum())
        buffers["count"].copy_(buffers["count"] * same + len(values))
        buffers["epoch"].fill_(epoch)
        return buffers["total"] / buffers["count"]
