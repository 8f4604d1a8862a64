"""The state of a run, saved to a checkpoint and restored from one: everything that the next iteration depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from fertools.core.arguments import given
from fertools.core.explain import reading
from fertools.training.data.batch_loader import BatchLoader
from fertools.training.engine.checkpoint import (
    Checkpoint,
    best_path,
    load_checkpoint,
    pack_networks,
    pack_optimisers,
    save_checkpoint,
    unpack_networks,
    unpack_optimisers,
    write_checkpoint,
)
from fertools.training.engine.ema import MovingAverage
from fertools.training.engine.precision import Precision
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.systems.base import System


@dataclass(frozen=True)
class StatePaths:
    """The paths of the state of a run.

    Attributes:
        checkpoints: folder of the checkpoints.
        journal: file of the logged losses.
    """

    checkpoints: Path
    journal: Path

    @property
    def speed(self) -> Path:
        """The file beside the journal with the logged throughput."""
        return self.journal.with_name("speed.jsonl")


@dataclass(frozen=True)
class Best:
    """The best validation so far.

    Attributes:
        iteration: its iteration; 0 before the first validation.
        value: the first metric; higher is better.
        stale: number of validations since then.
    """

    iteration: int = 0
    value: float = 0.0
    stale: int = 0


class RunState:
    """Saves and restores the state of a run.

    Args:
        system: system with its networks and memory.
        optimisers: optimisers by name.
        average: moving averages of the networks.
        precision: precision with the loss scaler.
        loader: batch loader with its position.
        noise: generator of the system's random numbers.
        paths: paths of the checkpoints.
        keep: number of checkpoints to keep.
        process_group: the processes of the run; the first one writes.
    """

    def __init__(
        self,
        system: System,
        optimisers: Mapping[str, Optimizer],
        average: MovingAverage,
        precision: Precision,
        loader: BatchLoader,
        noise: torch.Generator,
        paths: StatePaths,
        keep: int,
        process_group: ProcessGroup,
    ) -> None:
        self._system, self._optimisers, self._average, self._precision = system, optimisers, average, precision
        self._loader, self._noise, self._folder, self._keep = loader, noise, paths.checkpoints, keep
        self._process_group = process_group

    def save(self, iteration: int, best: Best) -> None:
        """Write a checkpoint and remove the oldest ones; all processes must call this.

        Everything is equal in all processes, except the memory of a system: each process has its own.

        Raises:
            StorageError: the disk is full; older checkpoints are intact.
        """
        memories = self._process_group.gather(pack_networks("memory", self._system.memory))
        if not self._process_group.is_first:
            return
        loader_tensors, loader_numbers = self._loader.state()
        tensors = {
            **self._weights(),
            **{f"{rank}/{name}": value for rank, mine in enumerate(memories) for name, value in mine.items()},
            **pack_optimisers(self._optimisers),
            **{f"loader/{name}": value for name, value in loader_tensors.items()},
            "noise": self._noise.get_state(),
        }
        record = {
            "loader": loader_numbers,
            "scaler": self._precision.state(),
            "best": asdict(best),
            "processes": self._process_group.size,
        }
        save_checkpoint(self._folder, Checkpoint(iteration, tensors, record), self._keep)

    def restore(self, checkpoint: Checkpoint) -> tuple[int, Best]:
        """Load a checkpoint; return its iteration and the best validation so far.

        With more processes than before, several begin with the same memory.
        """
        self._take_weights(checkpoint.tensors)
        rank = self._process_group.rank % checkpoint.record["processes"]
        unpack_networks(f"{rank}/memory", self._system.memory, checkpoint.tensors)
        unpack_optimisers(self._optimisers, checkpoint.tensors)
        loader = {name: checkpoint.tensors[f"loader/{name}"] for name in self._loader.state()[0]}
        self._loader.restore(loader, checkpoint.record["loader"])
        self._noise.set_state(checkpoint.tensors["noise"])
        self._precision.restore(checkpoint.record["scaler"])
        return checkpoint.iteration, Best(**checkpoint.record["best"])

    def save_best(self, iteration: int, best: Best) -> None:
        """Write the weights as the best so far.

        Raises:
            StorageError: the disk is full; the best checkpoint before is intact.
        """
        write_checkpoint(best_path(self._folder), Checkpoint(iteration, self._weights(), {"best": asdict(best)}))

    def restore_best(self) -> int:
        """Load the weights of the best checkpoint; return its iteration."""
        path = best_path(self._folder)
        best = load_checkpoint(path)
        with reading(path, "does not hold the weights of this run", f"train it again with {given('resume', False)}"):
            self._take_weights(best.tensors)
        return best.iteration

    def _weights(self) -> dict[str, Tensor]:
        return {
            **pack_networks("networks", self._system.networks),
            **pack_networks("averages", self._average.networks),
        }

    def _take_weights(self, tensors: Mapping[str, Tensor]) -> None:
        unpack_networks("networks", self._system.networks, tensors)
        unpack_networks("averages", self._average.networks, tensors)
