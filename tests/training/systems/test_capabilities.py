"""What a system says that it can do and what it can do: a difference is said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import Tensor, nn

from fertools.training.data.batch import Batch
from fertools.training.recipes.course import Iteration
from fertools.training.systems.base import Autocast, Noise, Step, System, Translation
from fertools.training.systems.capabilities import (
    Predicts,
    Translates,
    TranslatesBack,
    predicting,
    translating,
    translating_back,
)
from fertools.training.systems.registry import BUILT_IN, find_system


class OneWay(System):
    """Translates, and neither goes back nor predicts."""

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast
    ) -> Iterator[Step]:
        raise AssertionError

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        del network, translation
        return images


def test_a_system_needs_only_the_methods_of_what_it_can_do() -> None:
    system, images = OneWay(), torch.zeros(1, 3, 4, 4)
    assert system.translations(torch.zeros(7, 2)) == []
    assert system.prediction is None
    assert translating(system).translate(nn.Identity(), images, Translation("x", "G")) is images
    with pytest.raises(TypeError, match="OneWay says that it can do what needs a method `translate_back`"):
        translating_back(system)
    with pytest.raises(TypeError, match="needs a method `predict`"):
        predicting(system)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "svm"])
def test_each_of_our_systems_has_the_methods_of_what_it_overrides(name: str) -> None:
    kind = find_system(name).system_class()
    translates = kind.translations is not System.translations
    assert issubclass(kind, Translates) == translates
    # HA-GAN has no way back.
    assert issubclass(kind, TranslatesBack) == (translates and name != "ha-gan")
    assert issubclass(kind, Predicts) == (kind.prediction is not System.prediction)
    assert translates or issubclass(kind, Predicts)


def test_base_class_has_no_method_that_only_raises() -> None:
    assert not any(hasattr(System, name) for name in ("translate", "translate_back", "predict"))
