"""The processes that train together: who they are, on which device each works, and what they tell one another.

Started by `torchrun` or `accelerate launch`, one process works per device, on this machine or on many; started as
usual, there is one. Hugging Face Accelerate finds out which, opens the connections, and carries the sums.

A batch is dealt out: each process takes its share of the faces, gradients are averaged, and every process takes the
same step. As all draws are made for the whole batch, by every process alike, the run is that of one process, but for
the order in which numbers are added.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fertools.core.errors import RecipeError

if TYPE_CHECKING:
    from accelerate import Accelerator


def is_first_process() -> bool:
    """Return whether this process is the one that writes and speaks: any that was not started by a launcher is."""
    return os.environ.get("RANK", "0") == "0"


class ProcessGroup:
    """All processes of a run, seen from one of them.

    Args:
        device: what `choose_device` returned; with several processes per machine, each takes the GPU of its number.

    Attributes:
        rank: this process's number, from 0.
        size: how many there are.
        device: torch's name of what this process works on.
    """

    def __init__(self, device: str) -> None:
        self._accelerator: Accelerator | None = None
        self.rank, self.size, self.device = 0, 1, device
        # Alone, there is nothing to agree upon, and Accelerate's second of import is saved.
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator

            self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
            self.rank, self.size = self._accelerator.process_index, self._accelerator.num_processes
            found = self._accelerator.device
            self.device = "cpu" if found.type == "cpu" else str(found)

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def micro_batches(self, batch_size: int, parts: int) -> list[slice]:
        """Return which faces of a batch this process takes, in `parts` pieces that go through one after another.

        Raises:
            RecipeError: a batch cannot be dealt out evenly.
        """
        pieces = self.size * parts
        if batch_size % pieces:
            raise RecipeError(
                f"a batch of {batch_size} faces cannot be dealt out evenly to {self.size} processes in {parts} parts "
                f"each; set batch_size to a multiple of {pieces}"
            )
        length = batch_size // pieces
        first = self.rank * parts
        return [slice((first + part) * length, (first + part + 1) * length) for part in range(parts)]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over all processes, in one exchange."""
        tensors = list(tensors)
        if self._accelerator is None or not tensors:
            return
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
        mean: Tensor = self._accelerator.reduce(flat, reduction="mean")
        pieces = torch.split(mean, [tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.detach().copy_(piece.view_as(tensor))

    def gather(self, tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Return the tensors of every process, in the order of their numbers, on the CPU; all must ask.

        Args:
            tensors: by name; names and shapes are the same in every process.
        """
        if self._accelerator is None:
            return [dict(tensors)]
        found: list[dict[str, Tensor]] = [{} for _ in range(self.size)]
        for name, value in tensors.items():
            together: Tensor = self._accelerator.gather(value.to(self.device)[None].contiguous())
            for mine, part in zip(found, together.cpu(), strict=True):
                mine[name] = part
        return found

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process; all must ask."""
        if self._accelerator is None:
            return flag
        total: Tensor = self._accelerator.reduce(torch.tensor(float(flag), device=self.device), reduction="sum")
        return bool(total > 0)

    def broadcast(self, value: float) -> float:
        """Return the first process's number in all of them; all must ask."""
        if self._accelerator is None:
            return value
        mine = torch.tensor(value if self.is_first else 0.0, dtype=torch.float64, device=self.device)
        total: Tensor = self._accelerator.reduce(mine, reduction="sum")
        return float(total)

    def barrier(self) -> None:
        """Return when every process has come here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Close the connections; nothing can be exchanged after."""
        if self._accelerator is not None:
            self._accelerator.end_training()
