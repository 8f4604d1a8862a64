from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest
import torch

from fertools.core import device
from fertools.core.device import choose_device, spread
from fertools.core.errors import DeviceError


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_may_have_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
def test_all_gpus_are_taken_unless_one_is_named() -> None:
    assert choose_device() == "cuda"
    assert spread(choose_device()) == ["cuda:0", "cuda:1"]
    assert spread(choose_device("cuda:1")) == ["cuda:1"]
    assert spread(choose_device("cpu")) == ["cpu"]
    with pytest.raises(DeviceError, match=r"cuda:2 is not on this machine; there is cuda, .*cuda:0, cuda:1"):
        choose_device("cuda:2")


@pytest.mark.usefixtures("two_gpus")
def test_without_a_driver_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_may_have_gpu", lambda: False)
    assert choose_device() == "cpu"
    assert choose_device("cuda") == "cuda", "what is asked for by name is looked for"


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may have Apple's GPU")
@pytest.mark.parametrize("there", [True, False])
def test_a_driver_is_what_can_be_loaded(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def load(name: str) -> None:
        if not there:
            raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert device._may_have_gpu() is there
