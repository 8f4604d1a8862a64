"""Mixed precision: the precision of each part of a step, where the device supports it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch

_TYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def supported_precision(precision: str, device: str) -> str:
    """Return `precision` if the device is faster in it than in float32, else `float32`.

    Half precisions are used on CUDA GPUs only. On a CPU without instructions for them they are many times slower.

    Args:
        precision: `float32`, `bf16` or `fp16`.
        device: name of the device for torch.

    Example:
        >>> supported_precision("bf16", "cpu")
        'float32'
    """
    if precision == "float32" or not device.startswith("cuda"):
        return "float32"
    return "float32" if precision == "bf16" and not torch.cuda.is_bf16_supported() else precision


class Precision:
    """Autocast contexts for the parts of a step, and the loss scaling that float16 needs.

    Small gradients underflow in float16. So the loss is multiplied by a large number, and the gradients are divided by
    it before the step. A step with an overflowed gradient is skipped, and the number is adapted.

    Args:
        default: `float32`, `bf16` or `fp16`, as returned by `supported_precision`.
        parts: precision of each part that differs from the default.
        device: name of the device for torch.

    Attributes:
        scaler: scaler of the losses; it does nothing unless a part runs in float16.

    Source: Micikevicius et al., "Mixed Precision Training" (2018), section 3.2.
    """

    def __init__(self, default: str, parts: Mapping[str, str], device: str) -> None:
        self._default, self._parts, self._kind = default, parts, device.split(":")[0]
        scaled = "fp16" in (default, *parts.values())
        self.scaler = torch.amp.GradScaler(self._kind, enabled=scaled)

    def cast(self, part: str) -> AbstractContextManager[object]:
        """Return the autocast context of a part of a step."""
        precision = self._parts.get(part, self._default)
        if precision == "float32" and not self._parts:
            return contextlib.nullcontext()
        return torch.autocast(self._kind, _TYPES[precision], enabled=precision != "float32")

    def state(self) -> dict[str, float]:
        """Return the state of the scaler; empty where nothing is scaled."""
        return dict(self.scaler.state_dict())

    def restore(self, state: Mapping[str, float]) -> None:
        """Load the state of a scaler."""
        if state:
            self.scaler.load_state_dict(dict(state))
