"""Losses of expressions and of valence and arousal, for faces with missing labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.losses.float32 import widened


def target_probabilities(emotions: Tensor, soft_labels: Tensor, smoothing: float) -> Tensor:
    """Return NxC target probabilities; rows of zeros for faces without a label.

    Args:
        emotions: N class indices; -1 where unknown.
        soft_labels: NxC shares of raters who chose each class. Rows of NaN have no ratings and use the class.
        smoothing: label smoothing: share of every row that is distributed over all classes.

    Source: Szegedy et al., "Rethinking the Inception Architecture" (2016), section 7, for label smoothing.
    """
    classes = soft_labels.shape[1]
    hard = F.one_hot(emotions.clamp(min=0), classes).to(soft_labels.dtype)
    targets = torch.where(soft_labels.isnan().any(dim=1, keepdim=True), hard, soft_labels)
    known = (emotions >= 0) | ~soft_labels.isnan().any(dim=1)
    return ((1 - smoothing) * targets + smoothing / classes) * known[:, None]


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over all faces of weight times cross-entropy.

    Faces without a label count as zero in the mean over N. So the loss of a batch is the mean of the losses of its
    micro-batches.

    Args:
        logits: NxC logits.
        targets: NxC target probabilities.
        weights: N weights.

    Example:
        >>> loss = soft_cross_entropy(torch.zeros(1, 4), torch.tensor([[1.0, 0, 0, 0]]), torch.ones(1))
        >>> round(loss.item(), 4)
        1.3863
    """
    losses = -(targets * F.log_softmax(widened(logits), dim=1)).sum(dim=1)
    return (weights * losses).mean()


def squared_error(estimates: Tensor, truths: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of weight times squared error over all faces and both axes; missing labels count as zero.

    Args:
        estimates: Nx2 predictions.
        truths: Nx2 labels; NaN where unknown.
        weights: N weights.
    """
    known = ~truths.isnan()
    # NaN is replaced before the difference: NaN times 0 is NaN, in the gradient too.
    errors = widened(estimates) - truths.where(known, widened(estimates).detach())
    return (weights[:, None] * errors.square()).mean()


def ccc_loss(estimates: Tensor, truths: Tensor, weights: Tensor) -> Tensor:
    """Return 1 - CCC, the mean over valence and arousal, for the labelled faces.

    The CCC is a statistic of the batch. So the mean over micro-batches or processes differs from the loss of the whole
    batch. With fewer than two labelled faces, the loss is 0.

    Args:
        estimates: Nx2 predictions.
        truths: Nx2 labels; NaN where unknown.
        weights: N weights of the faces in the moments.

    Source: Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility" (1989), with population moments.
    """
    # Faces without a label get the weight 0, because selecting the other faces would make the CPU wait for the GPU.
    known = ~truths.isnan().any(dim=1)
    x, y = widened(estimates).where(known[:, None], 0.0), truths.where(known[:, None], 0.0)
    counted = weights * known
    weight_shares = (counted / counted.sum().clamp(min=1e-12))[:, None]
    x_mean, y_mean = (weight_shares * x).sum(dim=0), (weight_shares * y).sum(dim=0)
    x_variance, y_variance = (
        (weight_shares * (x - x_mean).square()).sum(dim=0),
        (weight_shares * (y - y_mean).square()).sum(dim=0),
    )
    covariance = (weight_shares * (x - x_mean) * (y - y_mean)).sum(dim=0)
    # Constant predictions and labels would give a denominator of 0.
    ccc = 2 * covariance / (x_variance + y_variance + (x_mean - y_mean).square() + 1e-8)
    return (1 - ccc).mean().where(known.sum() >= 2, 0.0)
