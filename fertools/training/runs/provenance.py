"""The environment of a run: versions, commit and machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import shutil
import subprocess
from pathlib import Path

_PACKAGES = ("torch", "accelerate", "numpy", "opencv-python", "pyarrow", "safetensors")
_OPTIONAL = ("scikit-learn", "scikit-image", "timm")
"""Recorded if they are installed."""


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result may depend on, by name."""
    from fertools import __version__

    found = {"fertools": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    for name in _OPTIONAL:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def code_state() -> str | None:
    """Return the commit of the checkout, with `+changes` if files differ; None outside of a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    commit = _git(root, "rev-parse", "HEAD")
    return commit and commit + ("+changes" if _git(root, "status", "--porcelain", "--", "fertools", "training") else "")


def device_name(device: str) -> str:
    """Return the product name of a torch device, such as `NVIDIA H100` or the name of the processor."""
    # Reading the record of a run imports this module, and needs no torch.
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device == "mps":
        return "Apple GPU"
    return f"{platform.processor() or platform.machine()} CPU, {torch.get_num_threads()} threads"


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
