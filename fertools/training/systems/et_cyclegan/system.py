"""ET-CycleGAN: CycleGAN with two losses on features of frozen networks.

Source: Pons, El Ali and Cesar, "ET-CycleGAN" (2020), section 3. `docs/systems/et-cyclegan.md` says what the paper
leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fertools.training.losses.feature_distance import feature_distance
from fertools.training.networks.feature_maps import FeatureNetwork
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.systems.base import Autocast
from fertools.training.systems.cyclegan.recipe import SOURCE, TARGET
from fertools.training.systems.cyclegan.system import Cyclegan, Faces, WeightedTerm
from fertools.training.systems.et_cyclegan.feature_networks import build_emotion_network, build_face_network
from fertools.training.systems.et_cyclegan.recipe import (
    EMOTION,
    FACE,
    FEATURES,
    LAYER_WEIGHTS,
    RANDOM,
    EtCycleganRecipe,
)

_BUILD = {FACE: build_face_network, EMOTION: build_emotion_network}
_DOMAINS = {FACE: SOURCE, EMOTION: TARGET}
"""The domain in which each network compares faces: identity in visible light, and expression in thermal images."""


class EtCyclegan(Cyclegan):
    """CycleGAN's networks and steps, with the features of faces and of expressions in the generators' loss.

    Args:
        recipe: sizes, weights and options.

    Attributes:
        frozen: the networks `face` and `emotion`, if their loss has a weight. `take_weights` builds them, except random
            ones, which are there from the start.
    """

    recipe: EtCycleganRecipe

    def __init__(self, recipe: EtCycleganRecipe) -> None:
        super().__init__(recipe)
        self._weights = {FACE: recipe.face_weight, EMOTION: recipe.emotion_weight}
        self._layers = {FACE: LAYER_WEIGHTS[recipe.face_layer_weights], EMOTION: (1.0,)}
        self.frozen: dict[str, FeatureNetwork] = {}
        for name, wanted in ((FACE, recipe.face_weights), (EMOTION, recipe.emotion_net)):
            if self._weights[name] and wanted == RANDOM:
                self.frozen[name] = _BUILD[name](recipe, None)

    def take_weights(self, name: str, weights: StartingWeights) -> bool:
        """Build a feature network from its weights."""
        self.frozen[name] = _BUILD[name](self.recipe, weights)
        return True

    def further_terms(self, faces: Faces, cast: Autocast) -> Mapping[str, WeightedTerm]:
        """Return the losses on features of the face and of its expression.

        Let x be a source face and y a target face. G translates from source to target, and F translates back. The
        losses are

            L_face = sum over layers of mean|face(F(y)) - face(x)|
            L_emotion = mean|emotion(G(x)) - emotion(y)|

        So L_face trains F only, and L_emotion trains G only. With `pairing=cycle`, F(G(x)) replaces F(y), and G(F(y))
        replaces G(x). Then each loss trains both generators.
        """
        made = faces.back if self.recipe.pairing == "cycle" else faces.fake
        terms = {}
        for name, domain in _DOMAINS.items():
            if not self._weights[name]:
                continue
            network = self.frozen[name]
            with cast(FEATURES):
                with torch.no_grad():
                    wanted = network(faces.real[domain])
                found = network(made[domain])
            distance = feature_distance(found, wanted, self._layers[name], self.recipe.reduction)
            terms[f"G/loss_{name}_features"] = WeightedTerm(distance, self._weights[name])
        return terms
