"""The precision that networks run in: by part of a step, as far as the device has it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch

_TYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def supported_precision(precision: str, device: str) -> str:
    """Return `precision` where the device computes in it faster than in float32, else `float32`.

    Half precisions are for CUDA GPUs; on a CPU without instructions for them they are many times slower.

    Example:
        >>> supported_precision("bf16", "cpu")
        'float32'
    """
    if precision == "float32" or not device.startswith("cuda"):
        return "float32"
    return "float32" if precision == "bf16" and not torch.cuda.is_bf16_supported() else precision


class Precision:
    """Contexts for the parts of a step, and the scaling of losses that float16 needs.

    In float16 small gradients vanish. So the loss is multiplied by a large number, the gradients are divided by it
    before the step, a step with a gradient that overflowed is left out, and the number is adapted.

    Args:
        default: `float32`, `bf16` or `fp16`, as `supported_precision` returned.
        parts: of parts that differ, likewise.
        device: torch's name of it.

    Attributes:
        scaler: of the losses; it does nothing unless some part runs in float16.

    Source: Micikevicius et al., "Mixed Precision Training" (2018), section 3.2.
    """

    def __init__(self, default: str, parts: Mapping[str, str], device: str) -> None:
        self._default, self._parts, self._kind = default, parts, device.split(":")[0]
        scaled = "fp16" in (default, *parts.values())
        self.scaler = torch.amp.GradScaler(self._kind, enabled=scaled)

    def cast(self, part: str) -> AbstractContextManager[object]:
        """Return a context in which networks run in the precision of a part of a step."""
        precision = self._parts.get(part, self._default)
        if precision == "float32" and not self._parts:
            return contextlib.nullcontext()
        return torch.autocast(self._kind, _TYPES[precision], enabled=precision != "float32")

    def state(self) -> dict[str, float]:
        """Return the scaler's numbers; empty where nothing is scaled."""
        return dict(self.scaler.state_dict())

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on with a scaler's numbers."""
        if state:
            self.scaler.load_state_dict(dict(state))
