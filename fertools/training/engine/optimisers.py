"""Optimisers, as a system asks for them and as torch has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

from fertools.training.engine.schedules import Schedule

Kind = Literal["adam", "adamw", "sgd"]
_FUSED = ("cpu", "cuda")
"""Devices on which torch updates weight and moments in one pass, which spares a small network a tenth of its step."""


@dataclass(frozen=True, kw_only=True)
class OptimiserPlan:
    """One optimiser of a system.

    Attributes:
        networks: whose weights it changes; networks that one loss trains together share one.
        kind: `adam`, `adamw` (weight decay apart from the gradient) or `sgd` (with momentum).
        lr: learning rate before the schedule's factor.
        schedule: how it falls.
        warmup: iterations over which it rises first.
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
    beta1: float = 0.9
    beta2: float = 0.999
    momentum: float = 0.9
    weight_decay: float = 0.0


def build_optimiser(plan: OptimiserPlan, networks: Mapping[str, nn.Module]) -> Optimizer:
    """Return the optimiser that a plan asks for, over the weights of its networks, which are on their device."""
    weights = [weight for name in plan.networks for weight in networks[name].parameters()]
    groups: list[dict[str, Any]] = [{"params": weights}]
    if plan.weight_decay:
        kernels = [weight for weight in weights if weight.ndim > 1]
        others = [weight for weight in weights if weight.ndim <= 1]
        groups = [{"params": kernels}, {"params": others, "weight_decay": 0.0}] if others else [{"params": kernels}]
    common: dict[str, Any] = {
        "lr": plan.lr,
        "weight_decay": plan.weight_decay,
        "fused": weights[0].device.type in _FUSED,
    }
    if plan.kind == "sgd":
        return torch.optim.SGD(groups, momentum=plan.momentum, **common)
    maker = torch.optim.AdamW if plan.kind == "adamw" else torch.optim.Adam
    return maker(groups, betas=(plan.beta1, plan.beta2), **common)
