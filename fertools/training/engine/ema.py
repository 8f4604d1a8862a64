"""Moving averages of weights, which are better to use than the weights of any one iteration."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn


class MovingAverage:
    """Copies of networks whose weights follow those of the originals slowly.

    Args:
        networks: the originals, by name.
        decay: share of the old average kept at each update, in [0, 1).

    Attributes:
        networks: the copies, by name.

    Source: Yazici et al., "The Unusual Effectiveness of Averaging in GAN Training" (2019), equation 1.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        self._originals, self._decay = networks, decay
        self.networks = {name: copy.deepcopy(network).requires_grad_(False) for name, network in networks.items()}

    @torch.no_grad()
    def update(self, name: str) -> None:
        """Move the copy of one network, if there is one, towards its original."""
        if name not in self.networks:
            return
        pairs = zip(self.networks[name].parameters(), self._originals[name].parameters(), strict=True)
        for average, current in pairs:
            average.lerp_(current, 1 - self._decay)
        # Running statistics are averages already; those of the averaged network are taken over as they are.
        buffers = zip(self.networks[name].buffers(), self._originals[name].buffers(), strict=True)
        for kept, statistic in buffers:
            kept.copy_(statistic)
