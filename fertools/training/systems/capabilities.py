"""What a system can do beside training, as protocols: it translates faces, brings them back, or predicts labels.

A system says in `translations` and `prediction` (see `fertools.training.systems.base.System`) what it can do. One that
lists a translation has the methods of `Translates`; one whose translations have a way back, those of `TranslatesBack`;
one with a prediction, those of `Predicts`. A system need not inherit from these.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from fertools.training.data.batch import Labels
from fertools.training.systems.base import System, Translation


@runtime_checkable
class Translates(Protocol):
    """A system that turns faces into others."""

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        """Return Nx3xSxS images translated.

        Args:
            network: the translation's network, or its moving average.
            images: Nx3xSxS in [-1, 1].
            translation: one of the system's `translations`.
        """


@runtime_checkable
class TranslatesBack(Protocol):
    """A system that turns translated faces into the faces that they were made of, as well as it can."""

    def translate_back(self, network: nn.Module, images: Tensor, translation: Translation, labels: Labels) -> Tensor:
        """Return translated images brought back.

        Args:
            network: the translation's network `back`, or its moving average.
            images: what `translate` gave.
            translation: how they were made.
            labels: of the N faces that they were made of.
        """


@runtime_checkable
class Predicts(Protocol):
    """A system that predicts the labels of faces."""

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxC logits and Nx2 (valence, arousal), or Nx0 each, of Nx3xSxS faces in [-1, 1].

        Args:
            network: the prediction's network, or its moving average.
            images: faces.
        """


def translating(system: System) -> Translates:
    """Return a system that lists translations.

    Raises:
        TypeError: it has no method that translates, which is a bug in it.
    """
    if not isinstance(system, Translates):
        raise _lacks(system, "translate")
    return system


def translating_back(system: System) -> TranslatesBack:
    """Return a system that lists translations with a way back.

    Raises:
        TypeError: it has no method that goes back, which is a bug in it.
    """
    if not isinstance(system, TranslatesBack):
        raise _lacks(system, "translate_back")
    return system


def predicting(system: System) -> Predicts:
    """Return a system that has a prediction.

    Raises:
        TypeError: it has no method that predicts, which is a bug in it.
    """
    if not isinstance(system, Predicts):
        raise _lacks(system, "predict")
    return system


def _lacks(system: System, method: str) -> TypeError:
    return TypeError(f"{type(system).__name__} says that it can do what needs a method `{method}`, and has none")
