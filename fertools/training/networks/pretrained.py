"""Pretrained feature networks: loading their weights, and extracting features in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.errors import InputError

FEATURE_NETWORKS = ("inception", "inception-resnet")
"""Names of these networks in `training/weights.toml`."""
_BATCH = 32
Network = TypeVar("Network", bound=nn.Module)


class FeatureNetwork(Protocol):
    """A network that extracts features of images.

    Attributes:
        width: number of features per image.
    """

    width: int

    def prepare(self, images: Tensor) -> Tensor:
        """Return N x 3 x S x S RGB images in [0, 255] resized and scaled for the network."""


@torch.no_grad()
def extract_features(network: FeatureNetwork, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return N x width float32 features of images.

    Args:
        network: a module; it is put into evaluation mode.
        pictures: N x S x S x 3 uint8 RGB images.
    """
    module = cast(nn.Module, network).eval()
    device = next(module.parameters()).device
    found = []
    for start in range(0, len(pictures), _BATCH):
        images = torch.from_numpy(np.ascontiguousarray(pictures[start : start + _BATCH])).to(device)
        found.append(module(network.prepare(images.permute(0, 3, 1, 2).float())).cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, network.width), np.float32)


def take_weights(network: Network, weights: Mapping[str, Tensor], refusal: str, hint: str) -> Network:
    """Load weights into a network and return it in evaluation mode. Weights of other layers are not used.

    Args:
        network: network with the layout of the weights.
        weights: tensors by name.
        refusal: message about weights that do not fit.
        hint: remedy for the message.

    Raises:
        InputError: a layer is missing or has another shape.
    """
    own = network.state_dict()
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in weights or weights[name].shape != value.shape:
            raise InputError(f"{refusal}: there is no {name} of the shape {tuple(value.shape)}; {hint}")
    network.load_state_dict({name: weights.get(name, value) for name, value in own.items()})
    return network.eval()
