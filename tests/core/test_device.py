from __future__ import annotations

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
