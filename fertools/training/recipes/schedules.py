"""Schedules of the learning rate."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine", "epochs"]


def rate_factor(
    schedule: Schedule, warmup: int, iteration: int, total: int, *, epoch: int = 1, decay_epochs: int = 0
) -> float:
    """Return the factor of the learning rate at an iteration.

    `constant` is 1. `linear` is 1 over the first half, and then falls to 0, one iteration after the last. `cosine` is
    half a cosine, from 1 at the end of the warm-up to 0 one iteration after the last. `epochs` is 1, and falls in equal
    steps over the last `decay_epochs` epochs: one step at the end of each epoch, down to one step above 0.

    Args:
        schedule: name of the schedule.
        warmup: first iterations, over which the factor rises from near 0 in equal steps.
        iteration: number of the iteration in the stage, from 0.
        total: iterations of the stage.
        epoch: iterations of an epoch.
        decay_epochs: epochs over which `epochs` falls.

    Source: of `cosine`, Loshchilov and Hutter, "SGDR" (2017), equation 5, without restarts; of `epochs`,
    junyanz/pytorch-CycleGAN-and-pix2pix, `lr_policy=linear`, in the form with a step at the end of each epoch.

    Example:
        >>> [rate_factor("linear", 0, iteration, 4) for iteration in range(4)]
        [1.0, 1.0, 1.0, 0.5]
    """
    rising = min(1.0, (iteration + 1) / (warmup + 1))
    if schedule == "constant":
        return rising
    if schedule == "linear":
        return rising * min(1.0, (total - iteration) / (total / 2))
    if schedule == "epochs":
        begun = iteration // epoch + 1
        return rising * (1 - max(0, begun - (total // epoch - decay_epochs)) / (decay_epochs + 1))
    done = max(0, iteration - warmup) / max(1, total - warmup)
    return rising * (1 + math.cos(math.pi * min(1.0, done))) / 2
