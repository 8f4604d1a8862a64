"""The five networks: two classifiers, a discriminator of features and one of predictions, and a decoder.

Source: Xia and Wang (2020), section 3. The paper does not describe the discriminators and the decoder. Here, they have
443,009, 4,737 and 427,523 parameters for 128 features and seven classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from fertools.training.networks.backbones import build_backbone
from fertools.training.networks.resnet import ResNet
from fertools.training.systems.unpaired.recipe import (
    DECODER,
    FEATURE_CRITIC,
    LABEL_CRITIC,
    THERMAL,
    VISIBLE,
    UnpairedRecipe,
)

FEATURE_STAGES = 2
"""The features are the output of this stage of a ResNet; torchvision calls it `layer2`, the paper `conv3_x`."""
_SLOPE = 0.2
_HIDDEN = 64


class FeatureCritic(nn.Sequential):
    """Distinguishes the features of visible faces from those of thermal faces.

    Args:
        width: channels of the features.

    Example:
        >>> sum(weight.numel() for weight in FeatureCritic(128).parameters())
        443009
    """

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(width, width, 3, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * width, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return N logits of NxCxhxw features; positive for visible."""
        logits: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
        return logits[:, 0]


class LabelCritic(nn.Sequential):
    """Distinguishes the predictions for visible faces from those for thermal faces.

    Args:
        classes: number of probabilities per face.

    Example:
        >>> [sum(weight.numel() for weight in LabelCritic(classes).parameters()) for classes in (2, 4, 6, 7)]
        [4417, 4545, 4673, 4737]
    """

    def __init__(self, classes: int) -> None:
        super().__init__(
            nn.Linear(classes, _HIDDEN),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_HIDDEN, 1),
        )

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return N logits of NxK probabilities; positive for visible."""
        logits: Tensor = super().forward(probabilities)  # type: ignore[no-untyped-call]
        return logits[:, 0]


class Decoder(nn.Sequential):
    """Reconstructs a face from its features.

    Args:
        width: channels of the features.

    Example:
        >>> decoder = Decoder(128)
        >>> sum(weight.numel() for weight in decoder.parameters())
        427523
        >>> decoder(torch.zeros(1, 128, 28, 28)).shape
        torch.Size([1, 3, 224, 224])
    """

    def __init__(self, width: int) -> None:
        channels = [width, width, max(1, width // 2), max(1, width // 4)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Conv2d(channels[-1], 3, 3, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return Nx3x8hx8w pictures in [0, 1] of NxCxhxw features."""
        return torch.sigmoid(super().forward(features))  # type: ignore[no-untyped-call]


def build_networks(recipe: UnpairedRecipe) -> dict[str, nn.Module]:
    """Return the networks that a recipe trains, by name.

    The weights of all five are drawn, and then networks that no loss needs are left out. So two recipes that differ
    only in their losses start with the same weights.
    """
    outputs: Mapping[str, int] = {VISIBLE: len(recipe.class_names), THERMAL: len(recipe.thermal_outputs)}
    networks = {
        name: build_backbone(recipe.network, count, recipe.width, size_px=recipe.image_size)
        for name, count in outputs.items()
    }
    width = feature_width(networks[VISIBLE])
    networks |= {FEATURE_CRITIC: FeatureCritic(width), LABEL_CRITIC: LabelCritic(compared_classes(recipe))}
    networks[DECODER] = Decoder(width)
    needs = {FEATURE_CRITIC: "h", LABEL_CRITIC: "l", DECODER: "r"}
    return {name: network for name, network in networks.items() if name not in needs or needs[name] in recipe.active}


def compared_classes(recipe: UnpairedRecipe) -> int:
    """Return the number of probabilities that the discriminator of predictions takes.

    With sorted predictions, this is the size of the larger set of classes.
    """
    if recipe.alignment == "sorted":
        return max(len(recipe.class_names), len(recipe.thermal_class_names))
    return len(recipe.shared_classes) or len(recipe.class_names)


def feature_width(network: nn.Module) -> int:
    """Return the number of channels of a ResNet's features."""
    assert isinstance(network, ResNet)
    with torch.no_grad():
        training = network.training
        width = network.eval().begin(torch.zeros(1, 3, 32, 32), FEATURE_STAGES).shape[1]
        network.train(training)
    return int(width)
