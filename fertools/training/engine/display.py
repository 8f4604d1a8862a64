"""What stands beside the progress of a run: the losses, the pace, and the memory of the GPU."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

from fertools.core.progress import Reporter


class Display:
    """Tells a reporter the loss of each optimiser, faces per second since it last did, and the most GPU memory used.

    Args:
        report: who is told.
        batch_size: faces per iteration.
        device: torch's name of it.
        begun: iterations done before.
    """

    def __init__(self, report: Reporter, batch_size: int, device: str, begun: int) -> None:
        self._report, self._batch_size, self._device = report, batch_size, device
        self._iteration, self._told_s = begun, time.monotonic()

    def show(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Take notice of the losses after so many iterations, when a GPU has done what was queued on it."""
        now_s = time.monotonic()
        elapsed_s, faces = now_s - self._told_s, (iteration - self._iteration) * self._batch_size
        parts = [describe_losses(losses)]
        # Two readings of a coarse clock may be one.
        if faces and elapsed_s > 0:
            parts.append(f"{faces / elapsed_s:,.3g} faces/s")
        if self._device.startswith("cuda"):
            parts.append(f"{torch.cuda.max_memory_allocated(self._device) / 1e9:.1f} GB of GPU memory")
        self._iteration, self._told_s = iteration, now_s
        self._report.beside(", ".join(parts))


def describe_losses(losses: Mapping[str, float]) -> str:
    """Return the loss of each optimiser as text, without its name where there is but one.

    Example:
        >>> describe_losses({"generator": 1.25, "discriminator": -0.5})
        'loss generator 1.25, discriminator -0.5'
        >>> describe_losses({"network": 0.123456})
        'loss 0.1235'
    """
    if len(losses) == 1:
        return f"loss {next(iter(losses.values())):.4g}"
    return "loss " + ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
