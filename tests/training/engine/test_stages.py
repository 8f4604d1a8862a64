"""A run of two stages with a frozen network: what each stage trains, and resuming across their border."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fertools.core.errors import Interrupted
from fertools.core.progress import Silent
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.faces import Faces, select_faces
from fertools.training.engine.checkpoint import checkpoint_path, load_checkpoint
from fertools.training.engine.journal import read_journal
from fertools.training.engine.loop import Loop
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import StatePaths
from fertools.training.recipes.course import Course, Iteration, Stage
from fertools.training.recipes.domains import FACES
from fertools.training.systems.base import Autocast, Noise, Step, System
from fertools.training.systems.optimiser_plan import OptimiserPlan
from tests.training.blobs import write_blobs
from tests.training.tiny import tiny_recipe

FIRST, SECOND = "encode", "decode"
COURSE = Course((Stage(FIRST, 4), Stage(SECOND, 4)))
LR = 0.01


class TwoStages(System):
    """Trains an encoder towards a fixed network's features, and then a decoder on the encoder."""

    def __init__(self) -> None:
        self.networks = {
            "encoder": nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2)),
            "decoder": nn.Conv2d(2, 3, 3, padding=1),
        }
        self.frozen = {"judge": nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Dropout(0.5))}
        self.averaged = ("decoder",)
        self.optimisers = {
            name: OptimiserPlan(networks=(name,), lr=LR, schedule="linear", warmup=1) for name in self.networks
        }
        self.seen: list[Iteration] = []
        self.stop_at: int | None = None

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        return {"noise": torch.randn(len(labels[FACES].emotions), 3, 16, 16, generator=generator)}

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast
    ) -> Iterator[Step]:
        self.seen.append(iteration)
        if iteration.number == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        noisy = batches[FACES].images + 0.1 * noise["noise"]
        with cast(""):
            features = self.networks["encoder"](noisy)
            if iteration.stage == FIRST:
                loss = (features - self.frozen["judge"](batches[FACES].images)).square().mean()
                yield Step("encoder", loss, {"loss_features": loss.detach()})
                return
            loss = (self.networks["decoder"](features.detach()) - batches[FACES].images).square().mean()
        yield Step("decoder", loss, {"loss_picture": loss.detach()})


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    return select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)


def make_loop(faces: Faces, folder: Path, *, seed: int = 0) -> tuple[Loop, TwoStages]:
    recipe = tiny_recipe("checkpoint_every=3", "log_every=1", "ema=0.5")
    torch.manual_seed(seed)
    system = TwoStages()
    # What is only used is no part of a checkpoint, so that it is the same however a run begins.
    torch.manual_seed(100)
    for weight in system.frozen["judge"].parameters():
        nn.init.normal_(weight)
    pixels = np.random.default_rng(0).integers(0, 256, (len(faces.table), 16, 16, 3), dtype=np.uint8)
    loader = BatchLoader(
        {FACES: FaceSource(faces, pixels)}, batch_size=2, augmentation=Augmentation(flip=True), seed=0, device="cpu"
    )
    paths = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    return Loop(system, recipe, COURSE, loader, ProcessGroup("cpu"), paths), system


def weights(system: TwoStages, *names: str) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value.clone()
        for name in names or system.networks
        for key, value in system.networks[name].state_dict().items()
    }


def assert_same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_stage_trains_its_own_and_has_a_schedule_of_its_own(faces: Faces, tmp_path: Path) -> None:
    loop, system = make_loop(faces, tmp_path)
    before = weights(system)
    loop.run(Silent())
    assert system.seen == [COURSE.at(number) for number in range(8)]
    assert [iteration.stage for iteration in system.seen] == [FIRST] * 4 + [SECOND] * 4
    entries = read_journal(tmp_path / "metrics.jsonl")
    assert ["loss_features" in entry for entry in entries] == [True] * 4 + [False] * 4
    assert ["loss_picture" in entry for entry in entries] == [False] * 4 + [True] * 4
    # Up over one iteration, steady, and down over the second half, in each stage again.
    rates = [entry[f"lr/{'encoder' if number < 4 else 'decoder'}"] for number, entry in enumerate(entries)]
    assert rates == pytest.approx([LR * factor for factor in (0.5, 1, 1, 0.5)] * 2)
    after_6, after_8 = (load_checkpoint(checkpoint_path(tmp_path / "checkpoints", number)).tensors for number in (6, 8))
    assert not torch.equal(before["encoder/0.weight"], weights(system)["encoder/0.weight"])
    assert not torch.equal(before["decoder/weight"], weights(system)["decoder/weight"])
    for key in ("encoder/0.weight", "encoder/1.weight"):
        assert torch.equal(after_6[f"networks/{key}"], after_8[f"networks/{key}"]), "the second stage leaves it alone"


@pytest.mark.parametrize("stop_after", [2, 3, 4, 5, 7])
def test_a_stopped_run_goes_on_bit_for_bit_across_the_end_of_a_stage(
    faces: Faces, tmp_path: Path, stop_after: int
) -> None:
    unbroken, system = make_loop(faces, tmp_path / "unbroken")
    unbroken.run(Silent())
    first, stopped = make_loop(faces, tmp_path / "stopped")
    stopped.stop_at = stop_after - 1
    with pytest.raises(Interrupted, match=f"stopped after iteration {stop_after} of 8, state saved"):
        first.run(Silent())
    # Another seed, so that what is not restored would show.
    second, resumed = make_loop(faces, tmp_path / "stopped", seed=9)
    assert second.iteration == stop_after
    second.run(Silent())
    assert stopped.seen + resumed.seen == system.seen
    assert_same(weights(resumed), weights(system))
    assert_same(second.network("decoder").state_dict(), unbroken.network("decoder").state_dict())
    for name in ("metrics.jsonl", "checkpoints/00000008.safetensors"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


def test_what_is_only_used_stays_as_it_is_and_out_of_checkpoints(faces: Faces, tmp_path: Path) -> None:
    loop, system = make_loop(faces, tmp_path)
    judge = system.frozen["judge"]
    before = {name: value.clone() for name, value in judge.state_dict().items()}
    modes: list[bool] = []
    judge.register_forward_pre_hook(lambda network, _: modes.extend(part.training for part in network.modules()))
    loop.run(Silent())
    assert modes == [False] * 4 * 4, "four parts in four iterations"
    assert all(weight.grad is None and not weight.requires_grad for weight in judge.parameters())
    assert_same(judge.state_dict(), before)
    tensors = load_checkpoint(checkpoint_path(tmp_path / "checkpoints", 8)).tensors
    assert {name.split("/")[1] for name in tensors if name.startswith("networks/")} == {"encoder", "decoder"}
    assert {name.split("/")[1] for name in tensors if name.startswith("averages/")} == {"decoder"}
    assert not [name for name in tensors if "judge" in name]
    assert {name.split("/")[0] for name in tensors} >= {"networks", "averages", "loader", "noise"}
