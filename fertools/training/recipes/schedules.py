"""What the learning rate is multiplied by as a run goes on."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine", "epochs"]


def rate_factor(
    schedule: Schedule, warmup: int, iteration: int, total: int, *, epoch: int = 1, decay_epochs: int = 0
) -> float:
    """Return the factor at iteration number `iteration`, from 0.

    Args:
        schedule: `constant`; `linear`, 1 over the first half and then down to 0, which it would reach one iteration
            after the last; `cosine`, half a cosine from 1 at the end of the warm-up to 0 one iteration after the last;
            `epochs`, 1, and over the last `decay_epochs` epochs down in equal steps, one at the end of each epoch, to
            one step above 0.
        warmup: first iterations, over which the factor rises from near 0 in equal steps.
        iteration: from 0.
        total: iterations of the stage.
        epoch: iterations of an epoch.
        decay_epochs: epochs over which `epochs` falls.

    Source: of `cosine`, Loshchilov and Hutter, "SGDR" (2017), equation 5, without restarts; of `epochs`,
    junyanz/pytorch-CycleGAN-and-pix2pix, `lr_policy=linear`, in the form that steps at the end of an epoch.

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
