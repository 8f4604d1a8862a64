"""Batches of faces: images and labels."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Labels:
    """The labels of N faces.

    Attributes:
        emotions: N int64 class indices; -1 where unknown.
        valence_arousal: Nx2 float32 in [-1, 1]; NaN where unknown.
        weights: N float32 weights of the faces in a loss; the mean over the training faces is 1.
        soft_labels: NxC float32, the share of raters who chose each class; rows of NaN where there are no ratings.
    """

    emotions: Tensor
    valence_arousal: Tensor
    weights: Tensor
    soft_labels: Tensor


@dataclass(frozen=True)
class Batch(Labels):
    """N faces with their labels, on one device.

    Attributes:
        images: Nx3xHxW float32 in [-1, 1], RGB.
    """

    images: Tensor


def send(tensor: Tensor, device: str) -> Tensor:
    """Return a tensor on a device. A copy to a GPU is asynchronous; operations that use the tensor wait for it.

    Args:
        tensor: on any device.
        device: name of the device for torch, such as `cuda:0`.
    """
    if device.startswith("cuda") and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
