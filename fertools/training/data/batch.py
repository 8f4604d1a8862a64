"""Batches of faces: images, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Labels:
    """What is known of some faces.

    Attributes:
        emotions: N, int64 position among the recipe's classes; -1 where unknown.
        valence_arousal: Nx2 float32 in [-1, 1]; NaN where unknown.
        weights: N float32, how much each face counts in a loss; the mean over the training faces is 1.
        soft_labels: NxC float32, the share of raters who saw each class; rows of NaN where nobody was asked.
    """

    emotions: Tensor
    valence_arousal: Tensor
    weights: Tensor
    soft_labels: Tensor


@dataclass(frozen=True)
class Batch(Labels):
    """Some faces with their labels, on one device.

    Attributes:
        images: Nx3xHxW float32 in [-1, 1], RGB.
    """

    images: Tensor


def send(tensor: Tensor, device: str) -> Tensor:
    """Return a tensor on a device. A copy to a GPU is begun and not waited for: what is computed with it comes after.

    Args:
        tensor: on any device.
        device: torch's name of the device.
    """
    if device.startswith("cuda") and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
