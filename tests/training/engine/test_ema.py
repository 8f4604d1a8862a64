"""Moving averages of weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fertools.training.engine.ema import MovingAverage


def test_an_average_follows_its_original_as_the_formula_says() -> None:
    model = nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(model.weight, 1.0)
    average = MovingAverage({"g": model}, decay=0.9)
    expected = 1.0
    for iteration, value in ((0, 2.0), (1, -3.0), (500, 0.5)):
        torch.nn.init.constant_(model.weight, value)
        average.update("g", iteration)
        share = {0: 0.1, 1: 2 / 11, 500: 0.9}[iteration]
        expected = share * expected + (1 - share) * value
    assert next(iter(average.networks["g"].parameters())).flatten().tolist() == pytest.approx([expected] * 2)
    assert model.weight.flatten().tolist() == [0.5, 0.5], "the original is left alone"


def test_an_average_is_not_trained_and_unknown_names_have_none() -> None:
    average = MovingAverage({"g": nn.Linear(2, 1)}, decay=0.9)
    assert not any(parameter.requires_grad for parameter in average.networks["g"].parameters())
    average.update("d", 0)
    assert list(average.networks) == ["g"]
