"""Inspect this machine: versions, processors, memory, disk and accelerators."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from fertools.core.processes import processors

PACKAGES = ("torch", "numpy", "opencv-python", "av", "pandas", "pyarrow", "pillow", "click", "rich", "yt-dlp")
LEAST_DISK_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One result of the inspection.

    Attributes:
        name: what was inspected, such as `memory`.
        detail: the result as text.
        remedy: what the user should do; None if nothing is wrong.
    """

    name: str
    detail: str
    remedy: str | None = None


def inspect_machine(folder: Path) -> list[Finding]:
    """Return the findings about this machine for work in `folder`."""
    return [_system(), _processors(), _memory(), _disk(folder), *map(_package, PACKAGES), _accelerators()]


def _system() -> Finding:
    return Finding("system", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")


def _processors() -> Finding:
    return Finding("processors", str(processors()))


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return Finding("memory", "unknown")
    return Finding("memory", f"{total / 2**30:.1f} GiB")


def _disk(folder: Path) -> Finding:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    remedy = f"free some space on the disk of {there}" if free < LEAST_DISK_BYTES else None
    return Finding("free disk", f"{free / 2**30:.1f} GiB at {folder}", remedy)


def _package(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", f"pip install {name}")


def _accelerators() -> Finding:
    # Imported here, because importing torch takes a second.
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return Finding("accelerators", ", ".join(names))
    if torch.backends.mps.is_available():
        return Finding("accelerators", "Apple GPU (mps)")
    return Finding("accelerators", "none: everything runs on the CPU, training with small presets")
