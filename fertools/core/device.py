"""Which device the work runs on: the one asked for, or the best that this machine has."""

from __future__ import annotations

from fertools.core.errors import DeviceError


def choose_device(wanted: str = "auto") -> str:
    """Return the torch name of a device that is there.

    Args:
        wanted: `auto` (a CUDA GPU, else Apple's, else the CPU), `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        DeviceError: the name is unknown or the device is not on this machine.
    """
    # Not at the top: usage errors and --help answer without the second that torch takes to import.
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
    raise DeviceError(f"--device {wanted} {trouble}; there is {', '.join(there)}, or take auto")


def spread(device: str) -> list[str]:
    """Return the devices that work can be shared out over: every GPU for `cuda`, else the one that is named.

    Args:
        device: what `choose_device` returned.
    """
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
