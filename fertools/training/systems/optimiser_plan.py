"""Plans of optimisers. The engine builds the optimisers from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fertools.training.recipes.schedules import Schedule

Kind = Literal["adam", "adamw", "sgd"]


@dataclass(frozen=True, kw_only=True)
class OptimiserPlan:
    """One optimiser of a system.

    Attributes:
        networks: names of the networks that it trains, or of parts of one, such as `recogniser.generator`. Networks
            with a common loss share an optimiser.
        kind: `adam`, `adamw` (decoupled weight decay) or `sgd` (with momentum).
        lr: learning rate before the factor of the schedule.
        schedule: schedule of the learning rate.
        warmup: iterations of the linear warm-up.
        decay_epochs: epochs over which the learning rate falls, for the schedule `epochs`.
        beta1: decay rate of Adam's first moment.
        beta2: decay rate of Adam's second moment.
        momentum: momentum of SGD.
        weight_decay: weight decay of matrices and kernels; biases and the scales of norms have none.
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
