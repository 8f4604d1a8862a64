"""Exponential moving averages of weights, which give better results than the weights of a single iteration."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Copies of networks with the exponential moving average of their weights.

    Args:
        networks: the original networks, by name.
        decay: share of the old average in each update, in [0, 1).

    Attributes:
        networks: the copies, by name.

    Source: Yazici et al., "The Unusual Effectiveness of Averaging in GAN Training" (2019), equation 1.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        # One call for all tensors of a network: on a GPU, launching separate calls takes longer than running them.
        self._originals, self._blend = networks, get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.networks = {name: copy.deepcopy(network).requires_grad_(False) for name, network in networks.items()}

    @torch.no_grad()
    def update(self, name: str) -> None:
        """Update the average of one network, if it has one."""
        if name not in self.networks:
            return
        averages, currents = (list(network[name].parameters()) for network in (self.networks, self._originals))
        self._blend(averages, currents, 0)
        # Running statistics are averages already, so they are copied.
        buffers = zip(self.networks[name].buffers(), self._originals[name].buffers(), strict=True)
        for kept, statistic in buffers:
            kept.copy_(statistic)
