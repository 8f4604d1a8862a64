"""Checkpoints: what is written is read back, old ones are removed, damaged ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fertools.core.errors import InputError
from fertools.training.engine.checkpoint import (
    Checkpoint,
    checkpoint_path,
    list_checkpoints,
    load_checkpoint,
    load_newest,
    pack_networks,
    pack_optimisers,
    save_checkpoint,
    unpack_networks,
    unpack_optimisers,
)


def flip(path: Path) -> None:
    """Flip bytes in the middle of a file, as a bad disk does."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(255 - byte for byte in content[middle : middle + 400])
    path.write_bytes(content)


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


def adam(model: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(model.parameters(), lr=0.1, betas=(0.5, 0.9))


def step(model: nn.Module, optimiser: torch.optim.Adam) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(model(torch.arange(6.0).view(2, 3)).square().sum())
    optimiser.step()


def test_tensors_and_record_come_back(tmp_path: Path) -> None:
    tensors = {"a/b": torch.randn(2, 3), "state": torch.Generator().get_state(), "step": torch.tensor(7.0)}
    path = save_checkpoint(tmp_path, Checkpoint(12, tensors, {"feed": {"offset": 3}}), keep=1)
    assert path == checkpoint_path(tmp_path, 12)
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode, "as readable as any file of this user"
    loaded = load_checkpoint(path)
    assert loaded.iteration == 12
    assert loaded.record == {"feed": {"offset": 3}}
    assert loaded.tensors.keys() == tensors.keys()
    assert all(torch.equal(loaded.tensors[name], value) for name, value in tensors.items())


def test_networks_and_optimisers_go_on_as_if_never_stopped(tmp_path: Path) -> None:
    model = network(0)
    optimiser = adam(model)
    for _ in range(3):
        step(model, optimiser)
    tensors = pack_networks("networks", {"n": model}) | pack_optimisers({"n": optimiser})
    loaded = load_checkpoint(save_checkpoint(tmp_path, Checkpoint(3, tensors, {}), keep=1)).tensors
    other = network(1)
    resumed = adam(other)
    unpack_networks("networks", {"n": other}, loaded)
    unpack_optimisers({"n": resumed}, loaded)
    step(model, optimiser)
    step(other, resumed)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_moments_lie_in_memory_as_their_weights_do(layout: torch.memory_format) -> None:
    # Fused optimisers walk through both in the order of memory, so that another order would mix up the weights.
    def fused(seed: int) -> tuple[nn.Module, torch.optim.SGD]:
        torch.manual_seed(seed)
        model = nn.Conv2d(3, 4, 3).to(memory_format=layout)  # type: ignore[call-overload]  # untyped
        return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)

    def learn(model: nn.Module, optimiser: torch.optim.SGD) -> None:
        optimiser.zero_grad()
        torch.autograd.backward(model(torch.arange(96.0).view(2, 3, 4, 4) / 96).square().sum())
        optimiser.step()

    first, of_first = fused(0)
    learn(first, of_first)
    packed = pack_networks("networks", {"model": first}) | pack_optimisers({"all": of_first})
    second, of_second = fused(1)
    unpack_networks("networks", {"model": second}, packed)
    unpack_optimisers({"all": of_second}, packed)
    learn(first, of_first)
    learn(second, of_second)
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for iteration in (5, 100, 20, 9):
        save_checkpoint(tmp_path, Checkpoint(iteration, {"a": torch.zeros(1)}, {}), keep=2)
    assert [path.stem for path in list_checkpoints(tmp_path)] == ["00000020", "00000100"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\xff" * 64])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = checkpoint_path(tmp_path, 1)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"00000001\.safetensors is damaged.*resume=False"):
        load_checkpoint(path)


def test_a_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, Checkpoint(1, {"a": torch.zeros(1000)}, {}), keep=1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="is damaged"):
        load_checkpoint(path)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_can_flip_unseen(tmp_path_factory: pytest.TempPathFactory, place: float, bit: int) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    path = save_checkpoint(folder, Checkpoint(1, {"a": torch.arange(9.0), "b": torch.zeros(3)}, {"feed": {}}), keep=1)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        load_checkpoint(path)


def test_of_damaged_checkpoints_the_one_before_them_is_named(tmp_path: Path) -> None:
    assert load_newest(tmp_path) is None
    for iteration in (10, 20, 30):
        save_checkpoint(tmp_path, Checkpoint(iteration, {"a": torch.zeros(9000)}, {}), keep=3)
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.iteration == 30
    for iteration, words in (
        (30, r"00000030\.safetensors is damaged.*; remove 00000030\.safetensors to resume from 00000020\.safetensors"),
        (20, r"remove 00000030\.safetensors and 00000020\.safetensors to resume from 00000010\.safetensors"),
        (10, r"00000030\.safetensors is damaged.*resume=False"),
    ):
        flip(checkpoint_path(tmp_path, iteration))
        with pytest.raises(InputError, match=words):
            load_newest(tmp_path)


def test_tensors_of_another_program_are_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "00000001.safetensors")
    with pytest.raises(InputError, match="is damaged"):
        load_checkpoint(tmp_path / "00000001.safetensors")
