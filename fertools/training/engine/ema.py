"""Moving averages of weights, which are better to use than the weights of any one iteration."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


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
        # One call for all tensors of a network: on a GPU, separate calls take longer to launch than to run.
        self._originals, self._blend = networks, get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.networks = {name: copy.deepcopy(network).requires_grad_(False) for name, network in networks.items()}

    @torch.no_grad()
    def update(self, name: str) -> None:
        """Move the copy of one network, if there is one, towards its original."""
        if name not in self.networks:
            return
        averages, currents = (list(network[name].parameters()) for network in (self.networks, self._originals))
        self._blend(averages, currents, 0)
        # Running statistics are averages already; those of the averaged network are taken over as they are.
        buffers = zip(self.networks[name].buffers(), self._originals[name].buffers(), strict=True)
        for kept, statistic in buffers:
            kept.copy_(statistic)
