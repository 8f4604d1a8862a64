"""Choose the device: the one that the user names, or the best one of this machine.

Importing torch takes seconds and 250 MB, and ingest on a CPU does not need it. Therefore functions import torch only
where they have to.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from fertools.core.arguments import argument
from fertools.core.errors import DeviceError
from fertools.core.processes import processors


def choose_device(wanted: str = "auto") -> str:
    """Return the torch name of an available device.

    Args:
        wanted: `cpu`, `cuda`, `cuda:1`, `mps` or `auto`, which prefers a CUDA GPU, then an Apple GPU, then the CPU.

    Raises:
        DeviceError: the name is unknown, or this machine has no such device.
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
    """Return the devices to distribute work over: every GPU for `cuda`, else only `device`.

    Args:
        device: a device from `choose_device`.
    """
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def device_type(device: str) -> str:
    """Return the type of a device: `cpu`, `cuda` or `mps`.

    Example:
        >>> device_type("cuda:1")
        'cuda'
    """
    return device.partition(":")[0]


def set_torch_threads(count: int | None) -> int | None:
    """Set the number of torch threads for the calling thread, if torch is imported.

    Args:
        count: number of threads, 1 or more; None for the number of processors.

    Returns:
        The previous number; None if torch is not imported.
    """
    if "torch" not in sys.modules:
        return None
    # Another thread may be importing it at this moment. Then this line waits for the end of that.
    import torch

    before: int = torch.get_num_threads()
    torch.set_num_threads(count or processors())
    return before


def _may_have_gpu() -> bool:
    """Return whether this machine has a GPU driver, so that importing torch to look for GPUs is worthwhile."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
