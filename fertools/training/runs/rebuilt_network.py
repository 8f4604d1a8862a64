"""A network rebuilt from a model file, ready to run on a batch of crops.

All code that depends on the structure of systems is here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.errors import InputError, RecipeError
from fertools.core.explain import reading
from fertools.training.data.faces import Pixels
from fertools.training.recipes.recipe import EngineRecipe, Recipe, Resolved
from fertools.training.runs.artefact import ModelInfo
from fertools.training.systems.base import System, Translation
from fertools.training.systems.capabilities import predicting, translating
from fertools.training.systems.factory import build_fitted, build_system
from fertools.training.systems.fitted import FittedSystem
from fertools.training.systems.registry import find_system

Floats = NDArray[np.float32]


class Network(Protocol):
    """The operations of a network on a batch of crops."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The expressions that it distinguishes, in the order of its probabilities; empty if it predicts none."""

    @property
    def predicts_va(self) -> bool:
        """Whether it predicts valence and arousal."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of its translation targets; empty if it does not translate."""

    @property
    def modality(self) -> str:
        """Modality of the faces that it predicts; empty if it predicts none."""

    def predict(self, crops: Pixels) -> tuple[Floats, Floats]:
        """Return N x C probabilities and N x 2 (valence, arousal), or N x 0 each, of N x S x S x 3 crops."""

    def translate(self, crops: Pixels, target: str) -> Pixels:
        """Return N x S x S x 3 crops translated to one of `targets`."""


@dataclass(frozen=True)
class _Torch:
    """A torch network.

    Attributes:
        system: system that defines the meaning of the outputs.
        network: network with its trained weights, in eval mode.
        device: name of the torch device.
        classes: see `Network`.
        predicts_va: see `Network`.
        ways: translations by the names of their targets.
        modality: see `Network`.
    """

    system: System
    network: nn.Module
    device: str
    classes: tuple[str, ...]
    predicts_va: bool
    ways: dict[str, Translation]
    modality: str

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.ways)

    @torch.no_grad()
    def predict(self, crops: Pixels) -> tuple[Floats, Floats]:
        logits, points = predicting(self.system).predict(self.network, self._scaled(crops))
        return _array(logits.float().softmax(dim=1)), _array(points.float())

    @torch.no_grad()
    def translate(self, crops: Pixels, target: str) -> Pixels:
        images = translating(self.system).translate(self.network, self._scaled(crops), self.ways[target])
        coded = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        return np.asarray(coded.permute(0, 2, 3, 1).cpu().numpy())

    def _scaled(self, crops: Pixels) -> Tensor:
        coded = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device)
        return coded.permute(0, 3, 1, 2).contiguous().float().div_(127.5).sub_(1)


@dataclass(frozen=True)
class _Fitted:
    """A system that was fitted to features of crops.

    Attributes:
        system: the fitted system.
        classes: see `Network`.
        modality: see `Network`.
        predicts_va: see `Network`.
        targets: see `Network`.
    """

    system: FittedSystem
    classes: tuple[str, ...]
    modality: str
    predicts_va: bool = False
    targets: tuple[str, ...] = ()

    def predict(self, crops: Pixels) -> tuple[Floats, Floats]:
        shares = self.system.probabilities(self.system.describe(crops))
        return shares, np.empty((len(shares), 0), np.float32)

    def translate(self, crops: Pixels, target: str) -> Pixels:
        # There are no targets, so this is none of them.
        raise KeyError(target)


def build_network(info: ModelInfo, state: dict[str, Tensor], device: str, where: str) -> Network:
    """Return a network with its trained weights.

    Args:
        info: description of the model.
        state: weights by name.
        device: name of the torch device.
        where: path of the model file, for messages.

    Raises:
        InputError: this version of fertools has no such system, other keys in its recipe, or other layers.
    """
    try:
        kind = find_system(info.system).recipe_class()
        if differing := {field.name for field in fields(kind)} ^ set(info.recipe):
            raise InputError(
                f"{where} was written by another version of fertools, whose recipe differs in the key "
                f"{min(differing)}; use that version, or train the run again"
            )
        recipe = kind(**info.recipe)
    except RecipeError as error:
        raise InputError(f"{where} cannot be opened by this version of fertools ({error}); use that one") from error
    resolved: Resolved[Recipe] = Resolved(info.system, info.preset, recipe, {})
    with reading(where, "holds the weights of another network", "train the run again"):
        if not isinstance(recipe, EngineRecipe):
            fitted = build_fitted(resolved)
            fitted.restore({name: value.numpy() for name, value in state.items()})
            return _Fitted(fitted, info.classes, recipe.domains[0].modality)
        system = build_system(resolved)
        network = system.networks[info.network]
        network.load_state_dict(state)
        network.to(device).eval()
    told = [entry for entry in (system.prediction, *system.further_predictions) if entry is not None]
    domains = [entry.domain for entry in told if entry.network == info.network]
    ways = system.translations(torch.tensor(info.prototypes))
    return _Torch(
        system=system,
        network=network,
        device=device,
        classes=info.classes if domains and recipe.predicts_emotion else (),
        predicts_va=bool(domains) and recipe.predicts_va,
        ways={way.name: way for way in ways if way.network == info.network},
        modality=next((domain.modality for domain in recipe.domains if domain.name in domains), ""),
    )


def main_network(resolved: Resolved[Recipe]) -> str | None:
    """Return the name of the network that predicts for a system; None if the system does not predict.

    Args:
        resolved: recipe of a system with the engine.
    """
    prediction = build_system(resolved).prediction
    return None if prediction is None else prediction.network


def _array(values: Tensor) -> Floats:
    return np.asarray(values.cpu().numpy(), np.float32)
