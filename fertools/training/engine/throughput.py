"""How long a run will take, said once it has shown its pace."""

from __future__ import annotations

import time

import torch

from fertools.core.progress import Reporter, describe_duration

_LEAST_ITERATIONS, _LEAST_S, _MOST_S = 10, 3.0, 20.0
"""The pace is measured over so many iterations and seconds, or over _MOST_S however few iterations that are."""


class TimeEstimate:
    """Says once how long the rest will take, from all iterations but the first, which is slower.

    Args:
        report: who is told.
        total: iterations at the end of the run.
        device: torch's name of it.
    """

    def __init__(self, report: Reporter, total: int, device: str) -> None:
        self._report, self._total, self._device = report, total, device
        self._begun: tuple[int, float] | None = None
        self._said = False

    def note(self, iteration: int) -> None:
        """Take notice that `iteration` iterations are done."""
        if self._said:
            return
        if self._begun is None:
            self._begun = iteration, self._now_s()
            return
        done, elapsed_s = iteration - self._begun[0], time.monotonic() - self._begun[1]
        if elapsed_s < _LEAST_S or (done < _LEAST_ITERATIONS and elapsed_s < _MOST_S):
            return
        self._said = True
        pace_s = (self._now_s() - self._begun[1]) / done
        if left := self._total - iteration:
            duration = describe_duration(left * pace_s)
            self._report.note(f"{left} iterations to go at {pace_s:.2g} s each: about {duration}")

    def _now_s(self) -> float:
        if self._device.startswith("cuda"):
            # Work is queued on a GPU, and only a wait says when it is done.
            torch.cuda.synchronize(self._device)
        return time.monotonic()
