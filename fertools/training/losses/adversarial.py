"""The adversarial loss of GANs with one logit of the discriminator for each patch.

Source: Mao et al., "Least Squares Generative Adversarial Networks" (2017), equation 9; Goodfellow et al., "Generative
Adversarial Nets" (2014), with the non-saturating loss of the generator.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.losses.float32 import widened

GanMode = Literal["lsgan", "vanilla"]
"""`lsgan`: squared error to 1 (real) or 0 (generated); `vanilla`: binary cross-entropy."""


def adversarial_loss(logits: Tensor, mode: GanMode, *, real: bool) -> Tensor:
    """Return the adversarial loss of the logits of all patches: a scalar in float32 or wider.

    A discriminator minimises `real=True` on real images and `real=False` on generated ones. A generator minimises
    `real=True` on its own.

    Args:
        logits: logits of any shape; the loss is the mean over all elements.
        mode: `lsgan` or `vanilla`.
        real: whether the target is real (True) or generated (False).

    Example:
        >>> adversarial_loss(torch.zeros(1, 1, 2, 2), "lsgan", real=True).item()
        1.0
    """
    logits = widened(logits)
    target = torch.ones_like(logits) if real else torch.zeros_like(logits)
    if mode == "lsgan":
        return F.mse_loss(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target)
