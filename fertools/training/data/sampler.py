"""The order in which training faces are seen: epochs one after another, with a position that can be saved.

An epoch has every face once, shuffled; or, with chances, as many draws as there are faces, so that some come more than
once and others not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Position:
    """Where a sampler stands.

    Attributes:
        offset: how many items of the current epoch have been handed out.
        state: the random state that the current epoch's order was drawn from.
    """

    offset: int
    state: Tensor


class Sampler:
    """Hands out batches of positions; each epoch has its own random order.

    A batch may reach from one epoch into the next, so that every batch is full and no item is left out.

    Args:
        length: number of items, 1 or more.
        batch_size: items per batch; it may be larger than `length`.
        seed: of the orders.
        sampling_weights: for each item how often it shall come, in any unit; None for every item once an epoch.

    Example:
        >>> sampler = Sampler(length=3, batch_size=3, seed=0)
        >>> sorted(sampler.next().tolist())
        [0, 1, 2]
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, sampling_weights: NDArray[np.float64] | None = None
    ) -> None:
        self._length, self._batch_size = length, batch_size
        self._cumulative = (
            None if sampling_weights is None else torch.from_numpy(np.cumsum(sampling_weights / sampling_weights.sum()))
        )
        self._generator = torch.Generator().manual_seed(seed)
        self._begin_epoch()

    def next(self) -> Tensor:
        """Return the next batch, `batch_size` positions."""
        parts, wanted = [], self._batch_size
        while wanted:
            if self._offset == self._length:
                self._begin_epoch()
            part = self._order[self._offset : self._offset + wanted]
            self._offset += len(part)
            wanted -= len(part)
            parts.append(part)
        return torch.cat(parts)

    @property
    def position(self) -> Position:
        """Where this sampler stands."""
        return Position(self._offset, self._state)

    def restore(self, position: Position) -> None:
        """Go on from where a sampler of the same length stood."""
        self._generator.set_state(position.state)
        self._begin_epoch()
        self._offset = position.offset

    def _begin_epoch(self) -> None:
        self._state = self._generator.get_state()
        if self._cumulative is None:
            self._order = torch.randperm(self._length, generator=self._generator)
        else:
            draws = torch.rand(self._length, generator=self._generator, dtype=torch.float64)
            # The sum of all chances may fall short of 1 by rounding.
            self._order = torch.searchsorted(self._cumulative, draws, right=True).clamp_(max=self._length - 1)
        self._offset = 0


def balanced_weights(members: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each item the chance that makes every one of its groups come equally often.

    Args:
        members: the group of each item, any whole numbers.
        weights: how often an item comes beside the others of its group, 0 or more. A group of which all are 0 never
            comes.

    Example:
        >>> balanced_weights(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 1.0, 3.0])).tolist()
        [0.25, 0.25, 0.125, 0.375]
    """
    _, numbers = np.unique(members, return_inverse=True)
    sums = np.bincount(numbers, weights)
    coming = sums > 0
    return np.asarray(weights / np.where(coming, sums, 1)[numbers] / coming.sum(), np.float64)
