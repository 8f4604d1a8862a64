"""The training loop: learning rates, averages, callbacks, stopping, and resuming to the bit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fertools.core.errors import CheckFailed, Interrupted
from fertools.core.progress import Silent
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.faces import Faces, select_faces
from fertools.training.engine.checkpoint import checkpoint_path, list_checkpoints, load_checkpoint
from fertools.training.engine.journal import read_journal
from fertools.training.engine.loop import Callbacks, Loop
from fertools.training.engine.precision import supported_precision
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import StatePaths
from fertools.training.engine.throughput import TimeEstimate
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.schedules import Schedule, rate_factor
from fertools.training.systems.base import Autocast, Noise, Step, full_precision
from fertools.training.systems.stargan.system import D, G, Stargan
from tests.training.blobs import write_blobs
from tests.training.tiny import tiny_recipe


class Watched(Stargan):
    """A StarGAN that calls `before` at the beginning of each iteration and can spoil its loss."""

    before: Callable[[int], None] | None = None
    spoiled_at: int | None = None

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        if self.before is not None:
            self.before(iteration.number)
        for step in super().iterate(iteration, batches, noise, cast):
            factor = float("nan") if iteration.number == self.spoiled_at else 1.0
            yield Step(step.optimiser, step.loss * factor, {name: value * factor for name, value in step.terms.items()})


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    return select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)


def make_loop(
    faces: Faces,
    folder: Path,
    *overrides: str,
    seed: int = 0,
    kind: type[Watched] = Watched,
    process_group: ProcessGroup | None = None,
) -> tuple[Loop, Watched]:
    recipe = tiny_recipe("checkpoint_every=3", "iterations=7", "log_every=2", *overrides)
    torch.manual_seed(seed)
    system = kind(recipe)
    pixels = np.random.default_rng(0).integers(0, 256, (len(faces.table), 16, 16, 3), dtype=np.uint8)
    augmentation = Augmentation(flip=True)
    loader = BatchLoader(
        {FACES: FaceSource(faces, pixels)},
        batch_size=recipe.batch_size,
        augmentation=augmentation,
        seed=recipe.seed,
        device="cpu",
    )
    paths = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    return Loop(system, recipe, recipe.course({FACES: 21}), loader, process_group or ProcessGroup("cpu"), paths), system


def weights(system: Stargan) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value.clone()
        for name, network in system.networks.items()
        for key, value in network.state_dict().items()
    }


def assert_same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_due_happens_when_it_is_due_and_at_the_end(faces: Faces, tmp_path: Path) -> None:
    loop, _ = make_loop(faces, tmp_path)
    sampled: list[int] = []
    saved: list[int] = []
    loop.run(Silent(), Callbacks(sampled.append, 4, saved=saved.append))
    assert loop.iteration == 7
    assert sampled == [4, 7]
    assert saved == [3, 6, 7]
    assert [path.stem for path in list_checkpoints(tmp_path / "checkpoints")] == ["00000006", "00000007"]
    entries = read_journal(tmp_path / "metrics.jsonl")
    assert [entry["iteration"] for entry in entries] == [2, 4, 6, 7]
    assert "G/loss_rec" in entries[0]
    assert "G/loss_rec" not in entries[3], "the seventh iteration has no step of the generator"


@pytest.mark.parametrize("extra", [(), ("ema=0.5", "lr_schedule=linear", "conditioning=cin")])
@pytest.mark.parametrize("stop_after", [1, 3, 4, 6, 7])
def test_a_stopped_run_goes_on_bit_for_bit(
    faces: Faces, tmp_path: Path, stop_after: int, extra: tuple[str, ...]
) -> None:
    unbroken, system = make_loop(faces, tmp_path / "unbroken", *extra)
    unbroken.run(Silent())

    first, stopped = make_loop(faces, tmp_path / "stopped", *extra)
    stopped.before = lambda iteration: os.kill(os.getpid(), signal.SIGINT) if iteration == stop_after - 1 else None
    with pytest.raises(Interrupted, match=f"stopped after iteration {stop_after} of 7, state saved") as caught:
        first.run(Silent())
    assert caught.value.exit_code == 130

    # Another seed, so that what is not restored would show.
    second, resumed = make_loop(faces, tmp_path / "stopped", *extra, seed=9)
    assert second.iteration == stop_after
    second.run(Silent())
    assert_same(weights(resumed), weights(system))
    assert_same(second.network(G).state_dict(), unbroken.network(G).state_dict())
    assert (tmp_path / "stopped/metrics.jsonl").read_bytes() == (tmp_path / "unbroken/metrics.jsonl").read_bytes()
    last = "checkpoints/00000007.safetensors"
    assert (tmp_path / "stopped" / last).read_bytes() == (tmp_path / "unbroken" / last).read_bytes()


def test_sigterm_is_exit_143_and_the_old_handlers_come_back(faces: Faces, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    loop, system = make_loop(faces, tmp_path)
    system.before = lambda iteration: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Interrupted) as caught:
        loop.run(Silent())
    assert caught.value.exit_code == 143
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_ctrl_c_does_not_wait(faces: Faces, tmp_path: Path) -> None:
    loop, system = make_loop(faces, tmp_path)

    def twice(iteration: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    system.before = twice
    with pytest.raises(KeyboardInterrupt):
        loop.run(Silent())
    assert loop.iteration == 0


@pytest.mark.parametrize(("spoiled_at", "kept"), [(1, []), (2, []), (4, ["00000003"])])
def test_a_loss_that_is_no_number_ends_the_run_and_is_in_no_checkpoint(
    faces: Faces, tmp_path: Path, spoiled_at: int, kept: list[str]
) -> None:
    loop, system = make_loop(faces, tmp_path)
    system.spoiled_at = spoiled_at
    with pytest.raises(CheckFailed, match=r"D/loss_real is nan after iteration \d.*smaller lr") as caught:
        loop.run(Silent())
    assert "\n" not in str(caught.value)
    assert [path.stem for path in list_checkpoints(tmp_path / "checkpoints")] == kept


def test_samples_are_drawn_with_the_average_if_there_is_one(faces: Faces, tmp_path: Path) -> None:
    with_average, system = make_loop(faces, tmp_path / "a", "ema=0.9")
    without, plain = make_loop(faces, tmp_path / "b")
    assert without.network(G) is plain.networks[G]
    assert with_average.network(G) is not system.networks[G]
    assert with_average.network(D) is system.networks[D], "the discriminator has none"
    before = {key: value.clone() for key, value in with_average.network(G).state_dict().items()}
    with_average.run(Silent())
    after, current = with_average.network(G).state_dict(), system.networks[G].state_dict()
    assert not torch.equal(after["main.0.weight"], before["main.0.weight"])
    assert not torch.equal(after["main.0.weight"], current["main.0.weight"])


def numpy_state() -> str:
    return repr(np.random.get_state(legacy=False)["state"]["key"].tolist())  # noqa: NPY002 - what must not change


def test_nothing_is_drawn_from_global_random_state(faces: Faces, tmp_path: Path) -> None:
    loop, _ = make_loop(faces, tmp_path)
    before = torch.get_rng_state(), numpy_state()
    loop.run(Silent())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert numpy_state() == before[1]


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0, [1, 1, 1, 1, 1, 1]),
        ("linear", 0, [1, 1, 1, 1, 2 / 3, 1 / 3]),
        ("constant", 2, [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ("cosine", 0, [1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873]),
        ("cosine", 2, [1 / 3, 2 / 3, 1, 0.8535534, 0.5, 0.1464466]),
    ],
)
def test_the_learning_rate_of_each_iteration(schedule: Schedule, warmup: int, expected: list[float]) -> None:
    assert [rate_factor(schedule, warmup, iteration, 6) for iteration in range(6)] == pytest.approx(expected)


def test_the_learning_rate_reaches_the_optimiser(faces: Faces, tmp_path: Path) -> None:
    """Adam's first step moves a weight by the learning rate, whatever the gradient."""
    for name, rate in (("a", 1e-3), ("b", 2e-3)):
        loop, system = make_loop(faces, tmp_path / name, "iterations=1", f"lr={rate}")
        before = weights(system)
        loop.run(Silent())
        moved = (weights(system)["discriminator/conv1.weight"] - before["discriminator/conv1.weight"]).abs()
        assert moved.median().item() == pytest.approx(rate, rel=1e-3)


def test_a_falling_rate_shortens_the_step(faces: Faces, tmp_path: Path) -> None:
    moved = {}
    for schedule in ("constant", "linear"):
        # The last of four iterations is at half the rate; the state before it is the same in both.
        folder = tmp_path / schedule
        loop, system = make_loop(faces, folder, "iterations=4", "n_critic=9", f"lr_schedule={schedule}")
        loop.run(Silent())
        before = load_checkpoint(checkpoint_path(folder / "checkpoints", 3)).tensors
        name = "discriminator/conv1.weight"
        moved[schedule] = weights(system)[name] - before[f"networks/{name}"]
    torch.testing.assert_close(moved["linear"], moved["constant"] / 2, rtol=1e-3, atol=1e-7)


def test_bf16_is_for_gpus() -> None:
    assert (
        supported_precision("bf16", "cpu")
        == supported_precision("fp16", "cpu")
        == supported_precision("float32", "cuda")
        == "float32"
    )


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.mark.parametrize(
    ("step_s", "at", "words"),
    [
        (1.0, 11, "89 iterations to go at 1 s each: about 1 min 29 s"),
        (0.1, 31, "69 iterations to go at 0.1 s each: about 6.9 s"),
        (12.0, 3, "97 iterations to go at 12 s each: about 19 min 24 s"),
    ],
)
def test_the_expected_time_is_said_once_from_the_pace(
    monkeypatch: pytest.MonkeyPatch, step_s: float, at: int, words: str
) -> None:
    now_s = [0.0]
    monkeypatch.setattr("fertools.training.engine.throughput.time.monotonic", lambda: now_s[0])
    notes = Notes()
    estimate = TimeEstimate(notes, total=100, device="cpu")
    for iteration in range(1, 60):
        # The first iteration is slower, and does not count.
        now_s[0] += step_s if iteration > 1 else 50.0
        # A hair more, so that sums of binary fractions are not a hair less.
        now_s[0] += 1e-9
        estimate.update(iteration)
        assert bool(notes.said) == (iteration >= at), iteration
    assert notes.said == [words]
