"""Some iterations of a system by its own steps, without the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fertools.training.data.batch import Batch
from fertools.training.recipes.course import Iteration
from fertools.training.systems.base import Noise, System, full_precision

Turn = tuple[dict[str, Batch], Noise]


def take_steps(
    built: System, optimisers: Mapping[str, torch.optim.Optimizer], data: Sequence[Turn]
) -> list[dict[str, float]]:
    """Take the steps of each iteration, each by its own optimiser, and return what was logged."""
    logs = []
    for number, (batches, noise) in enumerate(data):
        log: dict[str, float] = {}
        for step in built.iterate(Iteration(number), batches, noise, full_precision):
            optimisers[step.optimiser].zero_grad()
            torch.autograd.backward(step.loss)
            optimisers[step.optimiser].step()
            log |= {name: value.item() for name, value in step.terms.items()}
        logs.append(log)
    return logs
