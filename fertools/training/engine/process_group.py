"""The process group: the processes that train together, their devices and their communication.

With `torchrun` or `accelerate launch`, one process works per device, on one machine or several. Otherwise there is one
process. Hugging Face Accelerate finds the group, opens the connections and does the reductions.

A batch is split: each process takes its part of the faces, gradients are averaged, and every process takes the same
step. Every process draws the random numbers of the whole batch. So the run equals that of one process, except for the
order of additions.
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
    """Return whether this process writes files and reports progress; without a launcher, every process does."""
    return os.environ.get("RANK", "0") == "0"


class ProcessGroup:
    """The processes of a run, seen from one of them.

    Args:
        device: result of `choose_device`. With several processes per machine, each takes the GPU of its local rank.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        device: device of this process, by its name for torch.
    """

    def __init__(self, device: str) -> None:
        self._accelerator: Accelerator | None = None
        self.rank, self.size, self.device = 0, 1, device
        # A single process needs no Accelerate, whose import takes a second.
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator

            self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
            self.rank, self.size = self._accelerator.process_index, self._accelerator.num_processes
            found = self._accelerator.device
            self.device = "cpu" if found.type == "cpu" else str(found)

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports progress for all."""
        return self.rank == 0

    def micro_batches(self, batch_size: int, parts: int) -> list[slice]:
        """Return the faces of a batch that this process takes, as `parts` micro-batches.

        Args:
            batch_size: faces of the batch of all processes.
            parts: micro-batches per process, which are computed one after another.

        Raises:
            RecipeError: a batch cannot be split evenly.
        """
        count = self.size * parts
        if batch_size % count:
            raise RecipeError(
                f"a batch of {batch_size} faces cannot be split evenly into {self.size} processes of {parts} parts "
                f"each; set batch_size to a multiple of {count}"
            )
        length = batch_size // count
        first = self.rank * parts
        return [slice((first + part) * length, (first + part + 1) * length) for part in range(parts)]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over all processes, in one all-reduce."""
        tensors = list(tensors)
        if self._accelerator is None or not tensors:
            return
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
        mean: Tensor = self._accelerator.reduce(flat, reduction="mean")
        for tensor, part in zip(tensors, torch.split(mean, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.detach().copy_(part.view_as(tensor))

    def gather(self, tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Return the tensors of every process by rank, on the CPU; all processes must call this.

        Args:
            tensors: tensors by name; names and shapes are the same in every process.
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
        """Return whether the flag is set in any process; all processes must call this."""
        if self._accelerator is None:
            return flag
        total: Tensor = self._accelerator.reduce(torch.tensor(float(flag), device=self.device), reduction="sum")
        return bool(total > 0)

    def broadcast(self, value: float) -> float:
        """Return the number of the first process in all processes; all must call this."""
        if self._accelerator is None:
            return value
        mine = torch.tensor(value if self.is_first else 0.0, dtype=torch.float64, device=self.device)
        total: Tensor = self._accelerator.reduce(mine, reduction="sum")
        return float(total)

    def barrier(self) -> None:
        """Wait until every process has called this."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Close the connections. No communication is possible afterwards."""
        if self._accelerator is not None:
            self._accelerator.end_training()
