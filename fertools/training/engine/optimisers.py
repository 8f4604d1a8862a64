"""Build torch optimisers from the plans of a system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from fertools.training.systems.optimiser_plan import OptimiserPlan

_FUSED = ("cpu", "cuda")
"""Devices with fused optimisers in torch, which save a tenth of the step of a small network."""


def build_optimiser(plan: OptimiserPlan, networks: Mapping[str, nn.Module]) -> Optimizer:
    """Return the optimiser of a plan.

    Args:
        plan: kind and constants of the optimiser.
        networks: networks by name, already on their device.
    """
    weights = [weight for name in plan.networks for weight in _part(networks, name).parameters()]
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


def _part(networks: Mapping[str, nn.Module], name: str) -> nn.Module:
    """Return a network, or the part of one that follows its name and a dot."""
    network, _, part = name.partition(".")
    return networks[network].get_submodule(part)
