"""Checkpoints: the whole state of a run in one file, so that a resumed run equals an uninterrupted one.

A checkpoint is one safetensors file. It has the tensors, and in its metadata a small JSON record of everything else.
One file is written completely or not at all. Unlike a pickle, it never executes code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from fertools.core.arguments import given
from fertools.core.explain import reading
from fertools.core.sealed import check_whole, is_whole, write_sealed

_RECORD = "fertools"
"""Key of the JSON record in the metadata."""
RESTORE_OR_RESTART = f"put back a copy of it, or start again with {given('resume', False)}"
"""What to do if a file is damaged and no other checkpoint can replace it."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after some iterations.

    Attributes:
        iteration: number of iterations done.
        tensors: tensors by name, all on the CPU.
        record: all other state, in a form that JSON can hold.
    """

    iteration: int
    tensors: Mapping[str, Tensor]
    record: Mapping[str, Any]


def checkpoint_path(folder: Path, iteration: int) -> Path:
    """Return the path of the checkpoint after `iteration` iterations."""
    return folder / f"{iteration:08d}.safetensors"


def best_path(folder: Path) -> Path:
    """Return the path of the best checkpoint by validation."""
    return folder / "best.safetensors"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically.

    Raises:
        StorageError: the disk is full; the old file is intact.
    """
    record = json.dumps({"iteration": checkpoint.iteration, **checkpoint.record})
    # The writer of safetensors reports a full disk only as text, and makes a file that only its owner can read.
    write_sealed(path, save(dict(checkpoint.tensors), metadata={_RECORD: record}))


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint atomically, then remove all but the newest `keep`.

    Args:
        folder: folder of the checkpoints.
        checkpoint: the state to write.
        keep: number of checkpoints to keep.

    Raises:
        StorageError: the disk is full; older checkpoints are intact.
    """
    path = checkpoint_path(folder, checkpoint.iteration)
    write_checkpoint(path, checkpoint)
    for old in list_checkpoints(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("*.safetensors") if path.stem.isdigit())


def load_newest(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint in `folder`, None if there is none.

    Raises:
        InputError: it is damaged; the message names the newest intact one, if there is one.
    """
    if not (paths := list_checkpoints(folder)):
        return None
    whole = next((path for path in reversed(paths) if is_whole(path)), None)
    if whole is None:
        return load_checkpoint(paths[-1])
    if whole == paths[-1]:
        return _read(whole, RESTORE_OR_RESTART)
    damaged = " and ".join(path.name for path in reversed(paths) if path > whole)
    return load_checkpoint(paths[-1], f"remove {damaged} to resume from {whole.name}")


def load_checkpoint(path: Path, remedy: str = RESTORE_OR_RESTART) -> Checkpoint:
    """Return the checkpoint at `path`.

    Args:
        path: path of the file.
        remedy: what to do if the file cannot be used, for the message.

    Raises:
        InputError: the file is missing, damaged, or not a checkpoint of fertools.
    """
    check_whole(path, remedy)
    return _read(path, remedy)


def _read(path: Path, remedy: str) -> Checkpoint:
    with (
        reading(path, "is not a checkpoint of this fertools", remedy),
        safe_open(path, framework="pt", device="cpu") as stream,
    ):
        record = json.loads(stream.metadata()[_RECORD])
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a dict
        return Checkpoint(int(record.pop("iteration")), tensors, record)


def pack_networks(prefix: str, networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return the weights of networks as `prefix/network/weight`, on the CPU."""
    return {
        f"{prefix}/{name}/{key}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def unpack_networks(prefix: str, networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Load the weights of `pack_networks` into networks of the same shape."""
    for name, network in networks.items():
        network.load_state_dict(strip_prefix(f"{prefix}/{name}/", tensors))


def pack_optimisers(optimisers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    """Return the state of optimisers (for Adam its moments and step) as `optimisers/name/number/moment`.

    Learning rates are not in it: they follow from the recipe and the iteration.
    """
    return {
        f"optimisers/{name}/{number}/{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for name, optimiser in optimisers.items()
        for number, state in optimiser.state_dict()["state"].items()
        for key, value in state.items()
    }


def unpack_optimisers(optimisers: Mapping[str, Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Load the state of `pack_optimisers` into optimisers of the same parameters."""
    for name, optimiser in optimisers.items():
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for path, value in strip_prefix(f"optimisers/{name}/", tensors).items():
            number, key = path.split("/")
            states.setdefault(int(number), {})[key] = _laid_out(value, weights[int(number)])
        optimiser.load_state_dict({**optimiser.state_dict(), "state": states})


def _laid_out(value: Tensor, weight: Tensor) -> Tensor:
    """Return a moment with its numbers in memory in the order that its weight has them, as fused optimisers need."""
    return torch.empty_like(weight, dtype=value.dtype).copy_(value) if value.shape == weight.shape else value


def strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, with the prefix removed."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
