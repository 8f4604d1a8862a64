"""What a system can do beside training, as protocols: translate faces, translate them back, or predict labels.

A system declares in `translations` and `prediction` what it can do; see `fertools.training.systems.base.System`. With
translations, it has the method of `Translates`. If a translation has a network `back`, it also has the method of
`TranslatesBack`. With a prediction, it has the method of `Predicts`. It need not inherit from these protocols.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from fertools.training.data.batch import Labels
from fertools.training.systems.base import System, Translation


@runtime_checkable
class Translates(Protocol):
    """A system that translates faces."""

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        """Return translated images, Nx3xSxS.

        Args:
            network: the network of the translation, or its moving average.
            images: Nx3xSxS in [-1, 1].
            translation: one of the system's `translations`.
        """


@runtime_checkable
class TranslatesBack(Protocol):
    """A system that reconstructs faces from their translations."""

    def translate_back(self, network: nn.Module, images: Tensor, translation: Translation, labels: Labels) -> Tensor:
        """Return the reconstructions of the original images, Nx3xSxS.

        Args:
            network: the network `back` of the translation, or its moving average.
            images: translated images, the output of `translate`.
            translation: the translation of these images.
            labels: labels of the N original faces.
        """


@runtime_checkable
class Predicts(Protocol):
    """A system that predicts the labels of faces."""

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxC logits and Nx2 (valence, arousal); either is Nx0 if the system does not predict it.

        Args:
            network: the network of the prediction, or its moving average.
            images: Nx3xSxS faces in [-1, 1].
        """


@runtime_checkable
class PredictsControls(Protocol):
    """A system that also predicts from changed inputs, to show what its predictions depend on."""

    def predict_control(self, network: nn.Module, images: Tensor, others: Tensor, control: str) -> Tensor:
        """Return NxC logits.

        Args:
            network: the network of the prediction, or its moving average.
            images: Nx3xSxS faces in [-1, 1].
            others: for each of them a face of another person with another expression.
            control: one of the system's `controls`.
        """


def predicting_controls(system: System) -> PredictsControls:
    """Return a system with controls, typed as one that predicts them.

    Raises:
        TypeError: it has no method `predict_control`, which is a bug of the system.
    """
    if not isinstance(system, PredictsControls):
        raise _lacks(system, "predict_control")
    return system


def translating(system: System) -> Translates:
    """Return a system with translations, typed as one that translates.

    Raises:
        TypeError: it has no method `translate`, which is a bug of the system.
    """
    if not isinstance(system, Translates):
        raise _lacks(system, "translate")
    return system


def translating_back(system: System) -> TranslatesBack:
    """Return a system with translations that have a network `back`, typed as one that translates back.

    Raises:
        TypeError: it has no method `translate_back`, which is a bug of the system.
    """
    if not isinstance(system, TranslatesBack):
        raise _lacks(system, "translate_back")
    return system


def predicting(system: System) -> Predicts:
    """Return a system with a prediction, typed as one that predicts.

    Raises:
        TypeError: it has no method `predict`, which is a bug of the system.
    """
    if not isinstance(system, Predicts):
        raise _lacks(system, "predict")
    return system


def _lacks(system: System, method: str) -> TypeError:
    return TypeError(f"{type(system).__name__} says that it can do what needs a method `{method}`, and has none")
