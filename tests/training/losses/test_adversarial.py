"""The adversarial losses against their closed forms, their signs and their gradients."""

from __future__ import annotations

import math

import pytest
import torch

from fertools.training.losses.adversarial import GanMode, adversarial_loss

LOGITS = torch.tensor([[[[-2.0, 0.5], [3.0, 0.0]]]], dtype=torch.float64)


def test_least_squares_is_the_mean_squared_distance_to_one_or_zero() -> None:
    assert adversarial_loss(LOGITS, "lsgan", real=True).item() == pytest.approx((9 + 0.25 + 4 + 1) / 4)
    assert adversarial_loss(LOGITS, "lsgan", real=False).item() == pytest.approx((4 + 0.25 + 9 + 0) / 4)


def test_vanilla_is_the_cross_entropy_of_the_sigmoid() -> None:
    shares = [1 / (1 + math.exp(-value)) for value in LOGITS.flatten().tolist()]
    real, fake = (-sum(math.log(one) for one in some) / 4 for some in (shares, [1 - share for share in shares]))
    assert adversarial_loss(LOGITS, "vanilla", real=True).item() == pytest.approx(real)
    assert adversarial_loss(LOGITS, "vanilla", real=False).item() == pytest.approx(fake)


@pytest.mark.parametrize("mode", ["lsgan", "vanilla"])
def test_the_gradient_moves_logits_towards_what_they_should_say(mode: GanMode) -> None:
    for real, sign in ((True, -1), (False, 1)):
        logits = torch.full((2, 1, 3, 3), 0.5, requires_grad=True)
        torch.autograd.backward(adversarial_loss(logits, mode, real=real))
        assert logits.grad is not None
        assert (logits.grad.sign() == sign).all()


@pytest.mark.parametrize("mode", ["lsgan", "vanilla"])
def test_it_stays_finite_and_wide_for_half_precision_and_sure_logits(mode: GanMode) -> None:
    loss = adversarial_loss(torch.full((1, 1, 2, 2), -300.0, dtype=torch.float16), mode, real=True)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(301**2 if mode == "lsgan" else 300)
