"""Networks that are there to read pictures: their weights put in, and pictures read in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.errors import InputError

FEATURE_NETWORKS = ("inception", "inception-resnet")
"""What these networks are called in `training/weights.toml`."""
_BATCH = 32
Network = TypeVar("Network", bound=nn.Module)


class FeatureNetwork(Protocol):
    """A network that reads pictures.

    Attributes:
        width: numbers that it gives per picture.
    """

    width: int

    def prepare(self, images: Tensor) -> Tensor:
        """Return N x 3 x S x S RGB pictures in [0, 255] in the size and on the scale that the network takes."""


@torch.no_grad()
def extract_features(network: FeatureNetwork, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return N x width numbers that a network gives for N x S x S x 3 RGB pictures, in evaluation mode.

    Args:
        network: a module; it stays in evaluation mode.
        pictures: of one size.
    """
    module = cast(nn.Module, network).eval()
    device = next(module.parameters()).device
    found = []
    for start in range(0, len(pictures), _BATCH):
        images = torch.from_numpy(np.ascontiguousarray(pictures[start : start + _BATCH])).to(device)
        found.append(module(network.prepare(images.permute(0, 3, 1, 2).float())).cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, network.width), np.float32)


def take_weights(network: Network, weights: Mapping[str, Tensor], refusal: str, hint: str) -> Network:
    """Put weights into a network and return it in evaluation mode; weights that it has no layer for are left out.

    Args:
        network: of the layout that the weights should have.
        weights: by name.
        refusal: what is said of weights that do not fit.
        hint: what to do then.

    Raises:
        InputError: a layer is missing or of another shape.
    """
    own = network.state_dict()
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in weights or weights[name].shape != value.shape:
            raise InputError(f"{refusal}: there is no {name} of the shape {tuple(value.shape)}; {hint}")
    network.load_state_dict({name: weights.get(name, value) for name, value in own.items()})
    return network.eval()
