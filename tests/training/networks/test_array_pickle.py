"""Pickles of arrays are read, and nothing in them is executed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from fertools.core.errors import InputError
from fertools.training.networks.array_pickle import is_array_pickle, read_arrays
from fertools.training.networks.backbones import read_weights


class Trap:
    """Something whose unpickling leaves a trace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_are_read_by_their_path(tmp_path: Path, protocol: int) -> None:
    arrays = {"outer": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}, "bias": np.array([0.5])}
    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps(arrays, protocol))
    if protocol < 2:
        assert not is_array_pickle(path), "a text pickle has no mark to know it by"
        return
    assert is_array_pickle(path)
    found = read_weights(path)
    assert sorted(found) == ["bias", "outer/kernel"]
    assert torch.equal(found["outer/kernel"], torch.arange(6.0).reshape(2, 3))


def test_nothing_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "trap.pkl"
    path.write_bytes(pickle.dumps({"a": Trap(tmp_path / "executed")}))
    with pytest.raises(InputError, match=r"trap\.pkl cannot be read as weights alone"):
        read_weights(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": "text"}, {"a": np.array(["text"])}, {"a": np.array([None])}])
def test_anything_but_arrays_of_numbers_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match="is no array of numbers"):
        read_arrays(path)
    with pytest.raises(InputError, match="cannot be read as weights alone"):
        read_weights(path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.zeros(100)})
    (tmp_path / "a.pkl").write_bytes(whole[:-20])
    with pytest.raises(InputError, match="cannot be read as weights alone"):
        read_weights(tmp_path / "a.pkl")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_is_none_of_these(tmp_path: Path, zipped: bool) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    assert not is_array_pickle(tmp_path / "a.pth")
    assert torch.equal(read_weights(tmp_path / "a.pth")["a"], torch.ones(2))
