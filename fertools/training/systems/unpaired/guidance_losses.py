"""The losses of unpaired recognition, from the logits of the discriminators. Visible is the positive class.

Source: Xia and Wang (2020), equations 1 to 7. As printed, equations 3 and 4 have no parameter of the visible network.
Here, the visible network minimises the adversarial loss that belongs to equations 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.losses.float32 import widened

Adversarial = Literal["non-saturating", "saturating"]


def critic_loss(logits: Sequence[Tensor], rows: Sequence[Tensor]) -> Tensor:
    """Return the loss of a discriminator: -E log D(visible) - E log(1 - D(thermal)).

    Args:
        logits: N logits of visible faces and M logits of thermal faces.
        rows: N and M numbers, 1 for faces that count and 0 for others.

    Example:
        >>> round(critic_loss((torch.zeros(2), torch.zeros(2)), (torch.ones(2), torch.ones(2))).item(), 4)
        1.3863
    """
    visible, thermal = (widened(values) for values in logits)
    return mean_of(F.softplus(-visible), rows[0]) + mean_of(F.softplus(thermal), rows[1])


def fooling_loss(logits: Tensor, form: Adversarial) -> Tensor:
    """Return, for each visible face, the loss of the visible network against a discriminator.

    Args:
        logits: N logits of the discriminator for visible faces.
        form: `non-saturating`, -log(1 - D); `saturating`, log D.
    """
    logits = widened(logits)
    return F.softplus(logits) if form == "non-saturating" else -F.softplus(-logits)


def thermal_fooling_loss(logits: Tensor) -> Tensor:
    """Return -log D for each thermal face: equations 3 and 4 as printed. They train only the thermal network."""
    return F.softplus(-widened(logits))


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy of sigmoid(logits), from 0 to ln 2.

    Example:
        >>> [round(value, 4) for value in entropy(torch.tensor([0.0, 50.0, -50.0])).tolist()]
        [0.6931, 0.0, 0.0]
    """
    logits = widened(logits)
    return F.binary_cross_entropy_with_logits(logits, logits.sigmoid(), reduction="none")


def adaptive_weight(features: Tensor | None, predictions: Tensor | None, compared: Tensor) -> Tensor:
    """Return the weight of each visible face: 1 + (H(D_h) + H(D_l)) / 2, without a gradient.

    If only one of the discriminators judges a face, its weight is 1 + H of that discriminator.

    Args:
        features: N logits of the discriminator of features; None without that discriminator.
        predictions: N logits of the discriminator of predictions; None without that discriminator.
        compared: N numbers, 1 for faces that the discriminator of predictions judges and 0 for others.

    Example:
        >>> unsure = torch.zeros(1)
        >>> round(adaptive_weight(unsure, unsure, torch.ones(1)).item(), 4)
        1.6931
    """
    of_predictions = None if predictions is None else entropy(predictions)
    if features is None:
        assert of_predictions is not None
        return (1 + of_predictions * compared).detach()
    of_features = entropy(features)
    if of_predictions is None:
        return (1 + of_features).detach()
    both = (of_features + of_predictions) / 2
    return (1 + torch.where(compared > 0, both, of_features)).detach()


def mean_of(values: Tensor, rows: Tensor) -> Tensor:
    """Return the mean of the values that count; 0 if none counts.

    Args:
        values: N values.
        rows: N numbers, 1 for values that count and 0 for others.
    """
    return (values * rows).sum() / rows.sum().clamp(min=1)
