"""The order in which training faces are seen: shuffled epochs, one after another, with a position that can be saved."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
    """Hands out batches of positions; each epoch has every item once, in its own random order.

    A batch may reach from one epoch into the next, so that every batch is full and no item is left out.

    Args:
        length: number of items, 1 or more.
        batch_size: items per batch; it may be larger than `length`.
        seed: of the orders.

    Example:
        >>> sampler = Sampler(length=3, batch_size=3, seed=0)
        >>> sorted(sampler.next().tolist())
        [0, 1, 2]
    """

    def __init__(self, length: int, batch_size: int, seed: int) -> None:
        self._length, self._batch_size = length, batch_size
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

    def move_to(self, position: Position) -> None:
        """Go on from where a sampler of the same length stood."""
        self._generator.set_state(position.state)
        self._begin_epoch()
        self._offset = position.offset

    def _begin_epoch(self) -> None:
        self._state = self._generator.get_state()
        self._order = torch.randperm(self._length, generator=self._generator)
        self._offset = 0
