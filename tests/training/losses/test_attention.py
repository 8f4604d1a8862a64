"""The attention-transfer loss, against plain formulas and by its properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fertools.training.losses.attention import attention_maps, attention_transfer
from fertools.training.losses.attention_forms import AttentionForm
from fertools.training.networks.resnet import ResNet

FORMS: tuple[AttentionForm, ...] = ("literal", "reference")
SHAPES = ((4, 6, 8, 8), (4, 3, 4, 4), (4, 5, 2, 2))


def stages(seed: int, dtype: torch.dtype = torch.float64, factor: int = 1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(count, channels * factor, rows, columns, generator=generator, dtype=dtype)
        for count, channels, rows, columns in SHAPES
    ]


def by_hand(student: list[Tensor], teacher: list[Tensor], form: AttentionForm) -> float:
    """Return the loss of each face in turn, with NumPy."""
    total = 0.0
    for ours, theirs in zip(student, teacher, strict=True):
        for one, other in zip(ours.detach().numpy(), theirs.numpy(), strict=True):
            pair = []
            for features in (one, other):
                flat = (np.abs(features).sum(0) if form == "literal" else (features**2).mean(0)).ravel()
                pair.append(flat / np.linalg.norm(flat))
            apart = pair[0] - pair[1]
            value = np.linalg.norm(apart) / 2 if form == "literal" else 1000 * (apart**2).mean()
            total += float(value) / len(ours)
    return total


@pytest.mark.parametrize("form", FORMS)
def test_it_is_the_formula(form: AttentionForm) -> None:
    student, teacher = stages(0), stages(1, factor=4)
    assert attention_transfer(student, teacher, form).item() == pytest.approx(by_hand(student, teacher, form), rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_equal_maps_have_none_and_a_finite_gradient(form: AttentionForm) -> None:
    student = [stage.requires_grad_() for stage in stages(0, torch.float32)]
    loss = attention_transfer(student, [stage.detach().clone() for stage in student], form)
    assert loss.item() == 0
    for gradient in torch.autograd.grad(loss, student):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("form", FORMS)
def test_a_positive_scale_of_either_network_changes_nothing(form: AttentionForm) -> None:
    student, teacher = stages(0), stages(1)
    plain = attention_transfer(student, teacher, form)
    assert plain > 0.01
    torch.testing.assert_close(attention_transfer([7 * stage for stage in student], teacher, form), plain)
    torch.testing.assert_close(attention_transfer(student, [0.01 * stage for stage in teacher], form), plain)


@pytest.mark.parametrize("form", FORMS)
def test_only_the_student_gets_a_gradient_and_it_leads_to_the_teacher(form: AttentionForm) -> None:
    student = [stage.requires_grad_() for stage in stages(0)]
    teacher = [stage.requires_grad_() for stage in stages(1)]
    before = attention_transfer(student, teacher, form)
    before.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    assert all(stage.grad is None for stage in teacher)
    nearer = [stage - 1e-4 * stage.grad for stage in student if stage.grad is not None]
    assert len(nearer) == len(student)
    assert attention_transfer(nearer, teacher, form) < before


@pytest.mark.parametrize("form", FORMS)
def test_a_network_without_any_response_has_a_finite_gradient(form: AttentionForm) -> None:
    dead = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    loss = attention_transfer(dead, stages(1, torch.float32), form)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, dead))


@pytest.mark.parametrize("form", FORMS)
def test_the_larger_map_is_averaged(form: AttentionForm) -> None:
    small = torch.rand(2, 3, 2, 2, dtype=torch.float64)
    large = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    for pair in ((small, large), (large, small)):
        assert attention_transfer([pair[0]], [pair[1]], form).item() == pytest.approx(0, abs=1e-12)
    apart = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    by_blocks = attention_maps([apart], form)[0].reshape(2, 2, 2, 2, 2).mean(dim=(2, 4))
    wanted = by_hand([small], [by_blocks[:, None] if form == "literal" else by_blocks[:, None].sqrt()], form)
    assert attention_transfer([small], [apart], form).item() == pytest.approx(wanted, rel=1e-5)


def test_networks_with_other_stages_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        attention_transfer(stages(0), stages(0)[:2], "literal")


def test_half_precision_is_widened_before_it_is_squared() -> None:
    large = torch.full((1, 2, 2, 2), 3000.0, dtype=torch.float16)
    assert attention_maps([large], "reference")[0].flatten().tolist() == [9e6] * 4


def test_a_shallow_resnet_learns_the_attention_of_a_deep_one() -> None:
    torch.manual_seed(0)
    teacher, student = ResNet(50, 7, width=0.125).eval(), ResNet(18, 6, width=0.125).eval()
    images = torch.randn(2, 3, 64, 64)
    outputs, maps = student.forward_with_stages(images)
    torch.testing.assert_close(outputs, student(images))
    assert [tuple(stage.shape[2:]) for stage in maps] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    loss = attention_transfer(maps, teacher.stages(images), "reference")
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    assert all(weight.grad is None for weight in teacher.parameters())
    # The head has no part in attention.
    assert student.fc.weight.grad is None
    assert student.conv1.weight.grad is not None
    assert student.conv1.weight.grad.abs().sum() > 0
