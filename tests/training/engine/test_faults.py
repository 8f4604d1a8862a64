"""What goes wrong below Python, and precision, as far as they can be tried without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from fertools.core.errors import DeviceError, FertoolsError, RecipeError
from fertools.core.progress import Silent
from fertools.training.data.faces import Faces, select_faces
from fertools.training.engine.checkpoint import list_checkpoints
from fertools.training.engine.faults import explain_faults, deterministic
from fertools.training.engine.optimisers import build_optimiser
from fertools.training.engine.precision import Precision
from fertools.training.systems.optimiser_plan import OptimiserPlan
from tests.training.blobs import write_blobs
from tests.training.engine.test_loop import make_loop, weights


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), RecipeError, "run out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), RecipeError, "accumulate=2"),
        (MemoryError(), RecipeError, "smaller batch_size"),
        (RuntimeError("CUDA error: unspecified launch failure\nmore"), DeviceError, "unspecified launch failure"),
        (
            RuntimeError("InductorError: InvalidCxxCompiler: No working C++ compiler\nmore"),
            RecipeError,
            "compile=false",
        ),
    ],
)
def test_what_the_device_says_becomes_one_sentence(error: Exception, kind: type[FertoolsError], words: str) -> None:
    for saved, kept in ((0, "nothing was saved yet"), (40, "the state after iteration 40 is saved")):
        with pytest.raises(kind, match=words) as caught, explain_faults(saved):
            raise error
        assert kept in str(caught.value)
        assert "\n" not in str(caught.value)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explain_faults(3):
        raise RuntimeError("shapes do not fit")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    return select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)


def test_a_run_that_is_short_of_memory_goes_on_from_what_is_saved(faces: Faces, tmp_path: Path) -> None:
    whole, expected = make_loop(faces, tmp_path / "whole")
    whole.run(Silent())
    loop, system = make_loop(faces, tmp_path / "short")

    def short(iteration: int) -> None:
        if iteration == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    system.before = short
    with pytest.raises(RecipeError, match="the state after iteration 3 is saved"):
        loop.run(Silent())
    assert [path.stem for path in list_checkpoints(tmp_path / "short/checkpoints")] == ["00000003"]
    again, resumed = make_loop(faces, tmp_path / "short", seed=5)
    again.run(Silent())
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(expected).items())


def test_deterministic_mode_is_for_the_run_alone(faces: Faces, tmp_path: Path) -> None:
    loop, system = make_loop(faces, tmp_path, "deterministic=true")
    seen = []
    system.before = lambda iteration: seen.append(torch.are_deterministic_algorithms_enabled())
    loop.run(Silent())
    assert seen == [True] * 7
    assert not torch.are_deterministic_algorithms_enabled()
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()


def test_only_a_run_that_may_vary_tries_for_the_fastest(faces: Faces, tmp_path: Path) -> None:
    before = torch.backends.cudnn.benchmark
    seen = {}
    for wanted in ("true", "false"):
        loop, system = make_loop(faces, tmp_path / wanted, f"deterministic={wanted}")
        system.before = lambda iteration, wanted=wanted: seen.update({wanted: torch.backends.cudnn.benchmark})
        loop.run(Silent())
    assert seen == {"true": False, "false": True}
    assert torch.backends.cudnn.benchmark == before


def test_networks_are_compiled_where_that_is_wanted(
    faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda network: compiled.append(network))
    make_loop(faces, tmp_path / "plain")
    assert not compiled
    loop, system = make_loop(faces, tmp_path / "compiled", "compile=true", "ema=0.9")
    assert compiled == list(system.networks.values())
    assert all(loop.network(name) not in compiled for name in system.averaged), "averages work as they are"


# The compiler's own parts warn of each other.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_compiled_networks_come_to_the_same(faces: Faces, tmp_path: Path) -> None:
    # The condition's planes have gradients of rounding alone where it is concatenated; see test_team.py.
    plain, expected = make_loop(faces, tmp_path / "plain", "conditioning=cin", "iterations=3")
    plain.run(Silent())
    compiled, found = make_loop(faces, tmp_path / "compiled", "conditioning=cin", "iterations=3", "compile=true")
    compiled.run(Silent())
    for name, value in weights(expected).items():
        torch.testing.assert_close(weights(found)[name], value, rtol=0, atol=1e-4)
    again, _ = make_loop(faces, tmp_path / "compiled", "conditioning=cin", "iterations=3", "compile=true")
    assert again.iteration == 3


def test_parts_of_a_step_have_their_own_precision() -> None:
    layer, values = nn.Linear(4, 4), torch.ones(2, 4)
    precision = Precision("bf16", {"penalty": "float32", "critic": "fp16"}, "cpu")
    types = {}
    for part in ("generator", "penalty", "critic"):
        with precision.cast(part):
            types[part] = layer(values).dtype
    assert types == {"generator": torch.bfloat16, "penalty": torch.float32, "critic": torch.float16}
    with precision.cast("generator"), precision.cast("penalty"):
        assert layer(values).dtype == torch.float32


def test_the_scaler_goes_on_with_its_numbers() -> None:
    assert Precision("bf16", {}, "cpu").state() == {}
    precision = Precision("float32", {"critic": "fp16"}, "cpu")
    weight = nn.Parameter(torch.ones(3))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    scale = precision.scaler.get_scale()
    weight.grad = torch.tensor([1.0, float("inf"), 1.0])
    precision.scaler.scale(torch.zeros(()))
    precision.scaler.unscale_(optimiser)
    precision.scaler.step(optimiser)
    precision.scaler.update()
    assert weight.tolist() == [1, 1, 1], "a step that overflowed is left out"
    assert precision.scaler.get_scale() == scale / 2
    again = Precision("float32", {"critic": "fp16"}, "cpu")
    again.restore(precision.state())
    assert again.state() == precision.state()


def test_a_long_gradient_is_shortened(faces: Faces, tmp_path: Path) -> None:
    """Without momentum, plain descent moves the weights by lr times the gradient, so at most by lr times the limit."""
    loop, system = make_loop(faces, tmp_path, "iterations=1", "clip_norm=0.001", "lr=1")
    loop._optimisers = {name: torch.optim.SGD(network.parameters(), lr=1) for name, network in system.networks.items()}
    before = weights(system)
    loop.run(Silent())
    moved = torch.cat([(weights(system)[name] - value).flatten() for name, value in before.items()])
    assert moved.norm().item() == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize(("kind", "expected"), [("sgd", 0.9), ("adamw", 0.9), ("adam", 0.0)])
def test_weight_decay_is_for_kernels_alone(kind: str, expected: float) -> None:
    layer = nn.Linear(1, 1)
    nn.init.ones_(layer.weight)
    nn.init.ones_(layer.bias)
    plan = OptimiserPlan(networks=("n",), kind=kind, lr=0.1, weight_decay=1.0)  # type: ignore[arg-type]
    optimiser = build_optimiser(plan, {"n": layer})
    (layer(torch.zeros(1, 1)) * 0).sum().backward()
    optimiser.step()
    assert layer.bias.item() == 1
    # Adam's decay is part of the gradient, whose size it then divides by.
    assert layer.weight.item() == pytest.approx(expected if expected else 0.9, abs=1e-4)
