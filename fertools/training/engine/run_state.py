"""The state of a run, put into a checkpoint and taken out of one: all that its next iteration depends on."""

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
    """Where a run keeps its state.

    Attributes:
        checkpoints: folder.
        journal: file.
    """

    checkpoints: Path
    journal: Path

    @property
    def speed(self) -> Path:
        """The file beside the journal that says how fast the run went."""
        return self.journal.with_name("speed.jsonl")


@dataclass(frozen=True)
class Best:
    """The best validation so far.

    Attributes:
        iteration: when it was; 0 before the first.
        value: of the measure that decides; more is better.
        stale: validations since.
    """

    iteration: int = 0
    value: float = 0.0
    stale: int = 0


class RunState:
    """What a run consists of, to be saved and restored.

    Args:
        system: its networks and memory.
        optimisers: by name.
        average: the moving averages.
        precision: its scaler.
        loader: its position.
        noise: the generator of the system's random numbers.
        paths: where checkpoints lie.
        keep: how many of them are kept.
        process_group: the processes, of which the first writes for all.
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
        """Write a checkpoint, and remove the oldest beyond those that are kept; all processes must ask.

        Everything is the same in all processes but what a system remembers, of which each has its own.

        Raises:
            StorageError: the disk is full; older checkpoints are intact.
        """
        remembered = self._process_group.gather(pack_networks("memory", self._system.memory))
        if not self._process_group.is_first:
            return
        loader_tensors, loader_numbers = self._loader.state()
        tensors = {
            **self._weights(),
            **{f"{rank}/{name}": value for rank, mine in enumerate(remembered) for name, value in mine.items()},
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
        """Take over a checkpoint; return its iteration and the best validation until then.

        Where more processes go on than there were, some begin with what another remembers.
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
            StorageError: the disk is full; what was the best before is intact.
        """
        write_checkpoint(best_path(self._folder), Checkpoint(iteration, self._weights(), {"best": asdict(best)}))

    def restore_best(self) -> int:
        """Take over the weights that were the best; return the iteration that they are of."""
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
