from __future__ import annotations

import ctypes
import importlib
import sys
import threading
from concurrent import futures
from pathlib import Path

import pytest
import torch

from fertools.core import device
from fertools.core.device import choose_device, spread
from fertools.core.errors import DeviceError

BEGUN, GO_ON = threading.Event(), threading.Event()
"""The import of a module of a test has begun, and may end."""


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


def test_the_threads_of_torch_are_set_when_another_thread_has_imported_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The module is in sys.modules from the first moment of its import, and has its functions only at the end.
    (tmp_path / "torch.py").write_text(
        "import tests.core.test_device as test\n"
        "test.BEGUN.set()\ntest.GO_ON.wait(30)\n"
        "set_num_threads = print\ndef get_num_threads():\n    return 7\n"
    )
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.syspath_prepend(str(tmp_path))
    with futures.ThreadPoolExecutor(2) as threads:
        importing = threads.submit(importlib.import_module, "torch")
        assert BEGUN.wait(30)
        setting = threads.submit(device.set_torch_threads, 1)
        futures.wait([setting], timeout=0.2)
        GO_ON.set()
        importing.result()
        assert setting.result() == 7
