"""Training that a signal interrupts after a given iteration, and that resumes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping

import pytest

from fertools.core.errors import Interrupted
from fertools.training.data.batch import Batch
from fertools.training.jobs.train import TrainResult
from fertools.training.recipes.course import Iteration
from fertools.training.systems.base import Autocast, Noise, Step, System
from tests.training.tiny import lasting


def interrupt_once(monkeypatch: pytest.MonkeyPatch, system: type[System], after: int) -> None:
    """Send SIGINT once while a system trains, so that the run ends after this number of iterations."""
    iterate, sent = system.iterate, list[int]()

    def interrupted(
        self: System, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast
    ) -> Iterator[Step]:
        # A batch in two parts begins twice, and a second signal would not wait.
        if iteration.number == after - 1 and not sent:
            sent.append(iteration.number)
            os.kill(os.getpid(), signal.SIGINT)
        return iterate(self, iteration, batches, noise, cast)

    monkeypatch.setattr(system, "iterate", interrupted)


def interrupt_and_resume(
    monkeypatch: pytest.MonkeyPatch, system: type[System], train: Callable[[], TrainResult], *, after: int, of: int
) -> dict[str, bytes]:
    """Interrupt a run, resume it to its end, and return its files, as `lasting` does.

    Args:
        monkeypatch: pytest's fixture.
        system: class of the trained system.
        train: begins and resumes the run.
        after: number of iterations before the interruption.
        of: number of iterations of the whole run.
    """
    interrupt_once(monkeypatch, system, after)
    with pytest.raises(Interrupted, match=f"stopped after iteration {after} of {of}"):
        train()
    monkeypatch.undo()
    result = train()
    assert result.new_iterations == of - after
    return lasting(result.path)
