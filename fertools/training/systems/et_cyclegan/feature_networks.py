"""The two frozen feature networks of ET-CycleGAN: one for the face, and one for the expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from fertools.core.errors import InputError
from fertools.training.networks.backbones import build_backbone, head_name, load_weights
from fertools.training.networks.feature_maps import IMAGENET, TRAINED_PX, FeatureNetwork, build_feature_network
from fertools.training.networks.names import BACKBONES
from fertools.training.networks.resnet import ResNet
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.systems.et_cyclegan.recipe import EmotionFeatures, EtCycleganRecipe


class EmotionMaps(nn.Module):
    """A classification network that returns the compared features as a list of one tensor.

    Args:
        network: network with its head.
        features: `logits`, the outputs of the head; `pooled`, its inputs; or `layer4`, the last map of a ResNet.
    """

    def __init__(self, network: nn.Module, features: EmotionFeatures) -> None:
        super().__init__()
        if features == "pooled":
            network.set_submodule(head_name(network), nn.Identity())
        self.network, self._features = network, features

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return Nxoutputs logits, NxC inputs of the head, or the NxCxhxw last map, of Nx3xHxW pictures."""
        if self._features == "layer4" and isinstance(self.network, ResNet):
            return self.network.stages(images)[-1:]
        return [self.network(images)]


def build_face_network(recipe: EtCycleganRecipe, weights: StartingWeights | None) -> FeatureNetwork:
    """Return the network for features of the face.

    Args:
        recipe: recipe with the network and the size of its pictures.
        weights: weights of the network; None for random weights.

    Raises:
        InputError: the weights belong to another network.
    """
    side = 0 if recipe.feature_px == "image" else TRAINED_PX
    if weights is None:
        return build_feature_network(recipe.face_net, side)
    return build_feature_network(recipe.face_net, side, weights.tensors, weights.where)


def build_emotion_network(recipe: EtCycleganRecipe, weights: StartingWeights | None) -> FeatureNetwork:
    """Return the network for features of the expression: of a classifier's run, or with published weights.

    Args:
        recipe: recipe with the features and the architecture of the weights.
        weights: weights of the network; None for random weights.

    Raises:
        InputError: the weights belong to another network. Or the network has no such features, or the pictures are too
            small for it.
        RecipeError: the architecture is one of timm, and timm is not installed or has no such model.
    """
    if weights is None:
        network = build_backbone(recipe.emotion_arch, len(recipe.class_names), size_px=recipe.image_size)
        return _framed(network, recipe, "random weights", recipe.emotion_arch, TRAINED_PX)
    own, where = weights.recipe, weights.where
    if own is not None and not {"network", "width", "image_size"} <= own.keys():
        raise InputError(f"{where} is not a classifier; set emotion_net to a run of `fertools train classifier`")
    name = str(own["network"]) if own is not None else recipe.emotion_arch
    trained_px = int(own["image_size"]) if own is not None else TRAINED_PX
    network = build_backbone(name, 1, float(own["width"]) if own is not None else 1.0, size_px=trained_px)
    head = head_name(network)
    if (trained := weights.tensors.get(f"{head}.weight")) is not None and trained.ndim == 2:
        network.set_submodule(head, nn.Linear(trained.shape[1], trained.shape[0]))
    with_head = load_weights(network, weights.tensors, where)
    if not with_head and recipe.emotion_features == "logits":
        raise InputError(f"{where} has no last layer, so there are no logits; set emotion_features=pooled")
    return _framed(network, recipe, where, name, trained_px)


def _framed(network: nn.Module, recipe: EtCycleganRecipe, where: str, name: str, trained_px: int) -> FeatureNetwork:
    """Return a network that resizes its pictures, and check that it has the features of the recipe."""
    if recipe.emotion_features == "layer4" and not isinstance(network, ResNet):
        raise InputError(
            f"emotion_features is layer4, and {where} is {name}, not a ResNet; set emotion_features=pooled"
        )
    sides: Mapping[Any, int] = {"image": 0, "trained": trained_px}
    side = sides.get(recipe.feature_px, TRAINED_PX)
    if (side or recipe.image_size) < (least := BACKBONES.get(name, 0)):
        raise InputError(
            f"the emotion network {name} needs faces of {least} pixels and gets faces of {side or recipe.image_size}; "
            "set feature_px=224"
        )
    return FeatureNetwork(EmotionMaps(network, recipe.emotion_features), IMAGENET, side)
