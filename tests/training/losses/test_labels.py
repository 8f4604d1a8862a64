"""Losses of labels that may be soft, weighted or unknown, against torch's own and plain formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from fertools.statistics.concordance import concordance
from fertools.training.losses.labels import ccc_loss, soft_cross_entropy, squared_error, target_probabilities

NAN = float("nan")


def randoms(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_targets_are_labels_smoothed_votes_or_nothing() -> None:
    shares = torch.tensor([[NAN] * 4, [0.5, 0.5, 0, 0], [NAN] * 4])
    targets = target_probabilities(torch.tensor([2, 3, -1]), shares, 0.2)
    expected = torch.tensor([[0.05, 0.05, 0.85, 0.05], [0.45, 0.45, 0.05, 0.05], [0, 0, 0, 0]])
    torch.testing.assert_close(targets, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_torch(smoothing: float) -> None:
    logits, labels = randoms(6, 5), torch.tensor([0, 4, 2, 2, 1, 3])
    targets = target_probabilities(labels, torch.full((6, 5), NAN, dtype=torch.float64), smoothing)
    expected = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    torch.testing.assert_close(soft_cross_entropy(logits, targets, torch.ones(6)), expected)
    weights = torch.tensor([1.0, 0, 2, 1, 0.5, 3])
    each = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    torch.testing.assert_close(soft_cross_entropy(logits, targets, weights), (each * weights).mean())


def test_a_batch_is_the_mean_of_its_parts() -> None:
    logits, weights, points = randoms(6, 4), torch.rand(6), randoms(6, 2)
    targets = target_probabilities(torch.tensor([0, -1, 1, 2, 3, -1]), torch.full((6, 4), NAN), 0.1)
    truths = points.roll(1, 0)
    truths[4] = NAN
    for loss, given in ((soft_cross_entropy, (logits, targets)), (squared_error, (points, truths))):
        parts = [loss(*(values[part] for values in (*given, weights))) for part in (slice(3), slice(3, 6))]
        torch.testing.assert_close(loss(*given, weights), (parts[0] + parts[1]) / 2)


def test_unknown_points_have_no_gradient() -> None:
    points = randoms(4, 2).requires_grad_()
    truths = randoms(4, 2, seed=1)
    truths[1] = NAN
    for loss in (squared_error, ccc_loss):
        (gradient,) = torch.autograd.grad(loss(points, truths, torch.ones(4)), points)
        assert gradient[1].tolist() == [0, 0]
        assert (gradient[[0, 2, 3]] != 0).all()


def test_the_ccc_loss_is_one_minus_the_measure() -> None:
    points, truths = randoms(50, 2), randoms(50, 2) + randoms(50, 2, seed=1)
    expected = 1 - sum(concordance(points[:, axis], truths[:, axis]) for axis in (0, 1)) / 2
    assert ccc_loss(points, truths, torch.ones(50)).item() == pytest.approx(expected, abs=1e-6)
    doubled = torch.cat([points, points[:10]]), torch.cat([truths, truths[:10]])
    weights = torch.ones(50)
    weights[:10] = 2
    torch.testing.assert_close(ccc_loss(points, truths, weights), ccc_loss(*doubled, torch.ones(60)))


@pytest.mark.parametrize("known", [0, 1])
def test_the_ccc_of_fewer_than_two_is_nothing(known: int) -> None:
    points, truths = randoms(3, 2).requires_grad_(), torch.full((3, 2), NAN)
    truths[:known] = 0.5
    loss = ccc_loss(points, truths, torch.ones(3))
    (gradient,) = torch.autograd.grad(loss, points)
    assert loss.item() == 0
    assert not gradient.any()


def test_constant_estimates_have_a_finite_gradient() -> None:
    points = torch.zeros(4, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(ccc_loss(points, torch.zeros(4, 2), torch.ones(4)), points)
    assert gradient.isfinite().all()
