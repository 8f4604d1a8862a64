"""Several processes and micro-batches give the result of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fertools.core.errors import RecipeError
from fertools.core.workspace import Workspace
from fertools.training.engine.checkpoint import list_checkpoints, load_checkpoint
from fertools.training.engine.journal import read_journal
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.jobs.train import TrainResult, train
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import TINY, read_record

# With `concat` the weights of the constant condition planes have gradients of rounding alone, and Adam, which divides
# by their size, would make steps of them.
STARGAN = (
    *TINY,
    "conditioning=cin",
    "batch_size=4",
    "iterations=8",
    "ema=0.9",
    "sample_every=8",
    "checkpoint_every=4",
    "log_every=1",
)
NARROW = ("width=0.0625", "batch_size=4", "epochs=1", "val_share=0.3", "lr=1e-3", "mixup=0.4")


def train_here(workspace: Workspace, system: str, settings: tuple[str, ...], run: str) -> TrainResult:
    return train(workspace, system, preset="smoke", overrides=settings, device="cpu", run=run)


# `tests.training.pooled` compares image pools in the folder that it is given, and then is `fertools`.
TORCHRUN = ("torch.distributed.run", "--nproc_per_node", "2", "--standalone", "-m", "--", "tests.training.pooled")
# On processors too, it starts several processes by this word alone.
ACCELERATE: tuple[str, ...] = (
    "accelerate.commands.launch",
    "--multi_gpu",
    "--num_processes",
    "2",
    "--num_machines",
    "1",
)
ACCELERATE += ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m", "fertools")


def train_by_two(
    workspace: Workspace, system: str, settings: tuple[str, ...], run: str, launcher: tuple[str, ...]
) -> str:
    """Train by two processes, as a launcher starts them; return what they print."""
    keys = [part for key in settings for part in ("--set", key)]
    command = ["train", system, "--preset", "smoke", "--device", "cpu", "--run", run, *keys, "-w", str(workspace.root)]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *command],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tensors(folder: Path, kind: str) -> dict[str, Tensor]:
    found = load_checkpoint(list_checkpoints(folder / "checkpoints")[-1]).tensors
    return {name: value for name, value in found.items() if name.startswith(kind)}


def assert_close(one: Path, other: Path) -> None:
    """Assert that two runs agree in losses and weights; eight steps have moved each weight by up to 8e-4."""
    lines = [read_journal(folder / "metrics.jsonl") for folder in (one, other)]
    assert len(lines[0]) == len(lines[1]) > 1
    for entries in zip(*lines, strict=True):
        assert entries[0] == pytest.approx(entries[1], rel=1e-4, abs=1e-5)
    for name, value in tensors(one, "networks").items():
        torch.testing.assert_close(value, tensors(other, "networks")[name], rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A workspace with a StarGAN that two processes trained, and what they printed."""
    workspace = write_blobs(tmp_path_factory.mktemp("two"))
    return workspace, train_by_two(workspace, "stargan", STARGAN, "two", (*TORCHRUN, str(workspace.root)))


def test_two_processes_train_the_stargan_of_one(by_two: tuple[Workspace, str]) -> None:
    workspace, said = by_two
    alone = train_here(workspace, "stargan", STARGAN, "alone")
    folder = alone.path.parent / "two"
    assert said.count("held-out faces") == 1, "one of the processes speaks"
    record = read_record(folder)
    assert record["finished"]
    assert record["sessions"][0]["processes"] == 2
    assert_close(alone.path, folder)
    for name, value in tensors(folder, "averages").items():
        torch.testing.assert_close(value, tensors(alone.path, "averages")[name], rtol=0, atol=1e-5)
    assert (folder / "samples/000008.png").is_file()


def test_every_process_goes_on_with_the_image_pool_of_its_own(by_two: tuple[Workspace, str]) -> None:
    workspace, _ = by_two
    said = [(workspace.root / f"said-{rank}").read_text() for rank in (0, 1)]
    assert said == ["same True, other pools 1"] * 2


def test_two_processes_train_one_classifier_and_agree_on_its_best_epoch(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(5))
    train_by_two(workspace, "classifier", NARROW, "two", ACCELERATE)
    folder = workspace.root / "training/classifier/two"
    record = read_record(folder)
    assert record["finished"]
    assert record["sessions"][0]["processes"] == 2
    assert (folder / "predictions.parquet").is_file()
    assert (folder / "checkpoints/best.safetensors").is_file()


@pytest.mark.parametrize("settings", [("clip_norm=0.5",), ("lambda_rec=0", "gp=none")])
def test_a_batch_in_parts_is_the_batch(tmp_path: Path, settings: tuple[str, ...]) -> None:
    workspace = write_blobs(tmp_path)
    whole = train_here(workspace, "stargan", (*STARGAN, *settings), "whole")
    parts = train_here(workspace, "stargan", (*STARGAN, *settings, "accumulate=2"), "parts")
    assert_close(whole.path, parts.path)


class Of(ProcessGroup):
    """A process group with this process in it, without connections."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__("cpu")
        self.rank, self.size = rank, size


@pytest.mark.parametrize(("size", "parts"), [(1, 1), (2, 1), (1, 3), (2, 3)])
def test_every_face_of_a_batch_is_one_process_s(size: int, parts: int) -> None:
    faces = torch.arange(12)
    dealt: list[Any] = [faces[piece] for rank in range(size) for piece in Of(rank, size).micro_batches(12, parts)]
    assert torch.equal(torch.cat(dealt), faces)
    assert {len(piece) for piece in dealt} == {12 // (size * parts)}


def test_a_batch_that_cannot_be_dealt_out_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"batch of 10 faces .* 2 processes of 3 parts each; .* multiple of 6"):
        Of(0, 2).micro_batches(10, 3)


def test_alone_there_is_nothing_to_agree_upon() -> None:
    process_group, values = ProcessGroup("cpu"), torch.tensor([1.0, 2.0])
    process_group.average([values])
    assert values.tolist() == [1, 2]
    assert (
        process_group.any(True),
        process_group.any(False),
        process_group.broadcast(0.5),
        process_group.is_first,
    ) == (True, False, 0.5, True)
    process_group.barrier()
    process_group.close()
