"""Estimate the remaining time of a run from its first iterations."""

from __future__ import annotations

import time

import torch

from fertools.core.progress import Reporter, describe_duration

_LEAST_ITERATIONS, _LEAST_S, _MOST_S = 10, 3.0, 20.0
"""The speed is measured over at least this many iterations and seconds, or over _MOST_S seconds."""


class TimeEstimate:
    """Reports the remaining time once. The first iteration is slower, so it does not count.

    Args:
        report: reporter of the estimate.
        total: iterations of the whole run.
        device: name of the device for torch.
    """

    def __init__(self, report: Reporter, total: int, device: str) -> None:
        self._report, self._total, self._device = report, total, device
        self._begun: tuple[int, float] | None = None
        self._reported = False

    def update(self, iteration: int) -> None:
        """Record that `iteration` iterations are done; report the estimate when there are enough."""
        if self._reported:
            return
        if self._begun is None:
            self._begun = iteration, self._now_s()
            return
        done, elapsed_s = iteration - self._begun[0], time.monotonic() - self._begun[1]
        if elapsed_s < _LEAST_S or (done < _LEAST_ITERATIONS and elapsed_s < _MOST_S):
            return
        self._reported = True
        iteration_s = (self._now_s() - self._begun[1]) / done
        if left := self._total - iteration:
            duration = describe_duration(left * iteration_s)
            self._report.note(f"{left} iterations to go at {iteration_s:.2g} s each: about {duration}")

    def _now_s(self) -> float:
        if self._device.startswith("cuda"):
            # Work on a GPU is queued; only a synchronisation shows that it is done.
            torch.cuda.synchronize(self._device)
        return time.monotonic()
