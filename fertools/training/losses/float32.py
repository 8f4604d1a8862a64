"""Losses are computed in float32 or wider, whatever precision the networks ran in."""

from __future__ import annotations

import torch
from torch import Tensor


def widened(values: Tensor) -> Tensor:
    """Return float16 and bfloat16 values as float32, and others as they are.

    Example:
        >>> widened(torch.zeros(2, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
