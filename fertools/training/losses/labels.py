"""Losses of expressions and of valence and arousal, over faces of which some labels may be unknown."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.losses.float32 import widened


def target_probabilities(emotions: Tensor, shares: Tensor, smoothing: float) -> Tensor:
    """Return NxC target probabilities; rows of zeros where nothing is known.

    Args:
        emotions: N positions of the classes; -1 where unknown.
        shares: NxC, what raters said; rows of NaN where nobody was asked, and then the label alone counts.
        smoothing: share of every row that is spread over all classes.

    Source: of smoothing, Szegedy et al., "Rethinking the Inception Architecture" (2016), section 7.
    """
    classes = shares.shape[1]
    hard = F.one_hot(emotions.clamp(min=0), classes).to(shares.dtype)
    targets = torch.where(shares.isnan().any(dim=1, keepdim=True), hard, shares)
    known = (emotions >= 0) | ~shares.isnan().any(dim=1)
    return ((1 - smoothing) * targets + smoothing / classes) * known[:, None]


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over all faces of weight times cross-entropy.

    The mean is over all N, those whose row of targets is zeros too, so that the loss of a batch is the mean of the
    losses of its equal parts.

    Args:
        logits: NxC.
        targets: NxC probabilities.
        weights: N.

    Example:
        >>> loss = soft_cross_entropy(torch.zeros(1, 4), torch.tensor([[1.0, 0, 0, 0]]), torch.ones(1))
        >>> round(loss.item(), 4)
        1.3863
    """
    losses = -(targets * F.log_softmax(widened(logits), dim=1)).sum(dim=1)
    return (weights * losses).mean()


def squared_error(estimates: Tensor, truths: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of weight times squared error over all faces and both axes; unknown truths (NaN) count 0.

    Args:
        estimates: Nx2.
        truths: Nx2.
        weights: N.
    """
    known = ~truths.isnan()
    # Before the difference, since NaN times 0 is NaN, in the gradient too.
    errors = widened(estimates) - truths.where(known, widened(estimates).detach())
    return (weights[:, None] * errors.square()).mean()


def ccc_loss(estimates: Tensor, truths: Tensor, weights: Tensor) -> Tensor:
    """Return 1 - CCC, mean over valence and arousal, of the faces whose truth is known.

    The concordance correlation is one of the whole batch: a batch that is dealt out to several processes, or goes
    through in parts, gives the mean over the parts, which is not the same. Fewer than two known faces give 0.

    Args:
        estimates: Nx2.
        truths: Nx2; NaN where unknown.
        weights: N, shares in the moments.

    Source: Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility" (1989), with population moments.
    """
    # Faces without a truth get a share of 0: choosing the others would make a GPU wait for their number.
    known = ~truths.isnan().any(dim=1)
    x, y = widened(estimates).where(known[:, None], 0.0), truths.where(known[:, None], 0.0)
    counted = weights * known
    shares = (counted / counted.sum().clamp(min=1e-12))[:, None]
    x_mean, y_mean = (shares * x).sum(dim=0), (shares * y).sum(dim=0)
    x_variance, y_variance = (shares * (x - x_mean).square()).sum(dim=0), (shares * (y - y_mean).square()).sum(dim=0)
    covariance = (shares * (x - x_mean) * (y - y_mean)).sum(dim=0)
    # Where both sides are constant the denominator would be 0.
    ccc = 2 * covariance / (x_variance + y_variance + (x_mean - y_mean).square() + 1e-8)
    return (1 - ccc).mean().where(known.sum() >= 2, 0.0)
