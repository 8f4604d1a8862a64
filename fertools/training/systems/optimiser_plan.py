"""One optimiser of a system, as the system asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fertools.training.recipes.schedules import Schedule

Kind = Literal["adam", "adamw", "sgd"]


@dataclass(frozen=True, kw_only=True)
class OptimiserPlan:
    """One optimiser of a system.

    Attributes:
        networks: whose weights it changes; networks that one loss trains together share one.
        kind: `adam`, `adamw` (weight decay apart from the gradient) or `sgd` (with momentum).
        lr: learning rate before the schedule's factor.
        schedule: how it falls.
        warmup: iterations over which it rises first.
        decay_epochs: epochs over which it falls, for the schedule `epochs`.
        beta1: of Adam.
        beta2: of Adam.
        momentum: of SGD.
        weight_decay: of weight matrices and kernels; biases and the scales of norms are left alone.
    """

    networks: tuple[str, ...]
    kind: Kind = "adam"
    lr: float
    schedule: Schedule = "constant"
    warmup: int = 0
    decay_epochs: int = 0
    beta1: float = 0.9
    beta2: float = 0.999
    momentum: float = 0.9
    weight_decay: float = 0.0
