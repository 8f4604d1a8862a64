"""The distance of feature maps."""

from __future__ import annotations

import pytest
import torch

from fertools.training.losses.feature_distance import feature_distance


def test_it_is_a_weighted_sum_over_layers_of_means_or_of_sums_per_picture() -> None:
    maps = [torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])]
    others = [torch.zeros(2, 2), torch.tensor([[0.0, 1.0, 3.0], [1.0, 1.0, 1.0]])]
    # By hand: |.| of the first is 1, 2, 3, 4; of the second 1, 0, 2, 0, 0, 0.
    assert feature_distance(maps, others, [1, 2]).item() == pytest.approx(10 / 4 + 2 * 3 / 6)
    assert feature_distance(maps, others, [1, 2], "sum").item() == pytest.approx((3 + 7) / 2 + 2 * (3 + 0) / 2)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_parts_of_a_batch_have_the_mean_of_their_losses(reduction: str) -> None:
    torch.manual_seed(0)
    maps, others = torch.randn(4, 3, 5, 5), torch.randn(4, 3, 5, 5)
    whole = feature_distance([maps], [others], [1], reduction)  # type: ignore[arg-type]
    parts = [
        feature_distance([maps[row : row + 1]], [others[row : row + 1]], [1], reduction)  # type: ignore[arg-type]
        for row in range(4)
    ]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_equal_maps_have_none_and_no_gradient() -> None:
    maps = torch.randn(2, 3, requires_grad=True)
    loss = feature_distance([maps], [maps.detach()], [1])
    (gradient,) = torch.autograd.grad(loss, maps)
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros(2, 3))


def test_half_precision_is_widened_before_it_is_summed() -> None:
    maps = torch.full((1, 70_000), 60.0, dtype=torch.float16)
    loss = feature_distance([maps], [torch.zeros_like(maps)], [1], "sum")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(4_200_000)
