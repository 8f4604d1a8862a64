"""The order of the training faces: a series of epochs, with a position that can be saved.

An epoch has every face once, in random order. With sampling weights, an epoch has as many random draws as there are
faces. So a face may come several times or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Position:
    """The state of a sampler.

    Attributes:
        offset: number of items of the current epoch that were returned.
        state: random state that the order of the current epoch was drawn from.
    """

    offset: int
    state: Tensor


class Sampler:
    """Returns batches of row numbers in a new random order for each epoch.

    A batch may cross the end of an epoch. So every batch is full and no item is left out.

    Args:
        length: number of items, 1 or more.
        batch_size: items per batch; it may be larger than `length`.
        seed: seed of the orders.
        sampling_weights: weight of each item, in any unit; None for every item once per epoch.

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
        """Return the `batch_size` row numbers of the next batch."""
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
        """The state of this sampler."""
        return Position(self._offset, self._state)

    def restore(self, position: Position) -> None:
        """Continue from the state of a sampler of the same length."""
        self._generator.set_state(position.state)
        self._begin_epoch()
        self._offset = position.offset

    def _begin_epoch(self) -> None:
        self._state = self._generator.get_state()
        if self._cumulative is None:
            self._order = torch.randperm(self._length, generator=self._generator)
        else:
            draws = torch.rand(self._length, generator=self._generator, dtype=torch.float64)
            # The sum of all weights may fall short of 1 by rounding.
            self._order = torch.searchsorted(self._cumulative, draws, right=True).clamp_(max=self._length - 1)
        self._offset = 0


def balanced_weights(members: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a sampling weight for each item, so that all groups come equally often.

    Args:
        members: N group numbers, any whole numbers.
        weights: N relative weights of the items within their group, 0 or more. A group with only zeros never comes.

    Example:
        >>> balanced_weights(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 1.0, 3.0])).tolist()
        [0.25, 0.25, 0.125, 0.375]
    """
    _, numbers = np.unique(members, return_inverse=True)
    sums = np.bincount(numbers, weights)
    coming = sums > 0
    return np.asarray(weights / np.where(coming, sums, 1)[numbers] / coming.sum(), np.float64)
