"""The keys of an ET-CycleGAN recipe; `training/et-cyclegan.toml` has their values and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest
from fertools.training.networks.names import BACKBONES, TIMM
from fertools.training.recipes.domains import Pairing
from fertools.training.recipes.values import bounded
from fertools.training.systems.cyclegan.recipe import TwoWayEpochsRecipe

FACE, EMOTION = "face", "emotion"
"""The two feature networks."""
FEATURES = "features"
"""The part of a step with the feature networks; it may have its own precision."""
RANDOM = "random"
"""Value of a key of weights for an untrained network, to test that everything runs."""
EtPairing = Literal["capture", "label", "none", "cycle"]
EmotionFeatures = Literal["logits", "pooled", "layer4"]
"""Outputs of the last layer, its inputs, or the last feature map."""
LayerWeights = Literal["uniform", "pix2pixhd"]
LAYER_WEIGHTS: Mapping[LayerWeights, tuple[float, ...]] = {
    "uniform": (1, 1, 1, 1, 1),
    "pix2pixhd": (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1),
}
"""The weights of the five maps of the face network."""


@dataclass(frozen=True, kw_only=True)
class EtCycleganRecipe(TwoWayEpochsRecipe):
    """The recipe of an ET-CycleGAN.

    Raises:
        RecipeError: the networks cannot take the faces, or keys contradict each other.
    """

    pairing: EtPairing
    weights: Literal["cyclegan", "literal"]
    lambda_face: float = bounded(0)
    lambda_emotion: float = bounded(0)
    face_net: Literal["vgg19-imagenet", "vgg16-imagenet", "vgg16-lpips", "vgg16-vggface", "resnet50-vggface2"]
    face_weights: str
    face_layer_weights: LayerWeights
    emotion_net: str
    emotion_arch: str
    emotion_features: EmotionFeatures
    feature_px: Literal[224, "image", "trained"]
    reduction: Literal["mean", "sum"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.emotion_arch.startswith(TIMM) and self.emotion_arch not in BACKBONES:
            raise RecipeError(
                f"emotion_arch is '{self.emotion_arch}'{nearest(self.emotion_arch, BACKBONES)}; choose one of "
                f"{', '.join(BACKBONES)}, or {TIMM}NAME where timm is installed"
            )
        if self.emotion_weight and not self.emotion_net:
            raise RecipeError(
                "emotion_net is empty; give a classifier's run such as classifier/thermal, or set lambda_emotion=0"
            )
        if self.pairing == "cycle" and not self.lambda_cycle:
            raise RecipeError(
                "pairing is cycle, which compares reconstructed faces, and lambda_cycle is 0, so there are none; set "
                "lambda_cycle=10, or another pairing"
            )

    @property
    def domain_pairing(self) -> Pairing:
        """How target faces are chosen; at random if the features of reconstructions are compared."""
        return "none" if self.pairing == "cycle" else self.pairing

    @property
    def augments_pairs_alike(self) -> bool:
        """Whether both faces of a pair get the same augmentation: their maps are compared position by position."""
        return self.domain_pairing != "none"

    @property
    def parts(self) -> tuple[str, ...]:
        """Both generators, both discriminators, and both feature networks."""
        return (*super().parts, FEATURES)

    @property
    def cycle_weight(self) -> float:
        """The weight of the cycle loss."""
        return self._weighed(self.lambda_cycle)

    @property
    def identity_weight(self) -> float:
        """The weight of the identity loss."""
        return self._weighed(self.lambda_cycle * self.lambda_identity)

    @property
    def face_weight(self) -> float:
        """The weight of the face features; 0 if the two faces of a pair may show different people."""
        return 0.0 if self.pairing == "label" else self._weighed(self.lambda_face)

    @property
    def emotion_weight(self) -> float:
        """The weight of the emotion features."""
        return self._weighed(self.lambda_emotion)

    @property
    def starting_weights(self) -> Mapping[str, str]:
        """The weights of each feature network that the loss uses and that is not random."""
        wanted = {}
        if self.face_weight:
            wanted[FACE] = self.face_weights or self.face_net
        if self.emotion_weight:
            wanted[EMOTION] = self.emotion_net
        return {name: weights for name, weights in wanted.items() if weights != RANDOM}

    def _weighed(self, weight: float) -> float:
        """Return a weight as set by the key `weights`: unchanged, or 1 for every weight that is not 0."""
        return float(bool(weight)) if self.weights == "literal" else weight
