"""Which device the work runs on: the one asked for, or the best that this machine has.

Torch takes seconds and a quarter of a gigabyte to import, and ingest on a CPU does without it. So it is imported only
where it has to be asked.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from fertools.core.arguments import argument
from fertools.core.errors import DeviceError


def choose_device(wanted: str = "auto") -> str:
    """Return the torch name of a device that is there.

    Args:
        wanted: `auto` (a CUDA GPU, else Apple's, else the CPU), `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        DeviceError: the name is unknown or the device is not on this machine.
    """
    if wanted == "cpu" or (wanted == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = [*(["cuda"] if gpus else []), *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]
    if wanted == "auto":
        return there[0]
    there += [f"cuda:{number}" for number in range(gpus)]
    if wanted in there:
        return wanted
    known = wanted.split(":")[0] in ("cpu", "cuda", "mps")
    trouble = "is not on this machine" if known else "is not a device that fertools knows"
    raise DeviceError(f"{argument('device')} {wanted} {trouble}; there is {', '.join(there)}, or take auto")


def spread(device: str) -> list[str]:
    """Return the devices that work can be shared out over: every GPU for `cuda`, else the one that is named.

    Args:
        device: what `choose_device` returned.
    """
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def device_type(device: str) -> str:
    """Return `cpu`, `cuda` or `mps`: the name of a device without its number."""
    return device.partition(":")[0]


def set_torch_threads(count: int | None) -> int | None:
    """Have torch work with so many threads when the calling thread asks it to, if it is in use.

    Args:
        count: 1 or more; None is what torch would choose.

    Returns:
        The count before; None if torch is not in use.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    before: int = torch.get_num_threads()
    torch.set_num_threads(count or os.cpu_count() or 1)
    return before


def _may_have_gpu() -> bool:
    """Return whether torch is worth asking for GPUs: not where no driver of one is there."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
