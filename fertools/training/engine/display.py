"""Text beside the progress bar of a run: losses, throughput and GPU memory."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

from fertools.core.processes import peak_memory_gb
from fertools.core.progress import Reporter


class Display:
    """Shows the loss of each optimiser, the faces per second since the last time, and the peak GPU memory.

    Args:
        report: reporter that shows the text.
        batch_size: faces per iteration.
        device: name of the device for torch.
        begun: iterations done before.
    """

    def __init__(self, report: Reporter, batch_size: int, device: str, begun: int) -> None:
        self._report, self._batch_size, self._device = report, batch_size, device
        self._iteration, self._shown_s = begun, time.monotonic()

    def show(self, iteration: int, losses: Mapping[str, float]) -> dict[str, float]:
        """Show the losses after `iteration` iterations; the work queued on a GPU must be done.

        Args:
            iteration: iterations done.
            losses: loss by name of the optimiser.

        Returns:
            `faces_per_s`, if it is known, and `memory_gb`: the peak memory of the GPU, or of this process on a CPU.
        """
        now_s = time.monotonic()
        elapsed_s, faces = now_s - self._shown_s, (iteration - self._iteration) * self._batch_size
        parts = [describe_losses(losses)]
        # Two times of a coarse clock may be equal.
        found: dict[str, float] = {}
        if faces and elapsed_s > 0:
            found["faces_per_s"] = faces / elapsed_s
            parts.append(f"{found['faces_per_s']:,.3g} faces/s")
        if self._device.startswith("cuda"):
            found["memory_gb"] = torch.cuda.max_memory_allocated(self._device) / 1e9
            parts.append(f"{found['memory_gb']:.1f} GB of GPU memory")
        else:
            found["memory_gb"] = peak_memory_gb()
        self._iteration, self._shown_s = iteration, now_s
        self._report.beside(", ".join(parts))
        return found


def describe_losses(losses: Mapping[str, float]) -> str:
    """Return the loss of each optimiser as text, without the name of a single one.

    Example:
        >>> describe_losses({"generator": 1.25, "discriminator": -0.5})
        'loss generator 1.25, discriminator -0.5'
        >>> describe_losses({"network": 0.123456})
        'loss 0.1235'
    """
    if len(losses) == 1:
        return f"loss {next(iter(losses.values())):.4g}"
    return "loss " + ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
