"""What a face recognition network is to fertools: it turns aligned faces into embeddings.

The cosine of two embeddings says how much two faces look like one person. Each embedder states the crop that it was
trained on, because a network sees another face in another crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pictures = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
"""Crops of one size, one by one or as (N, size_px, size_px, 3)."""


@dataclass(frozen=True)
class EmbedderOptions:
    """How to open an embedder.

    Attributes:
        weights: path of a file with weights, or a name that `fertools weights` lists; empty for the usual place.
        input: crop of an ONNX network, such as `arcface,112,rgb,-1..1`; empty for other embedders.
        device: device for networks of torch: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        folder: the workspace, where weights are also searched; empty for the current folder.
    """

    weights: str = ""
    input: str = ""
    device: str = "auto"
    folder: str = ""


@dataclass(frozen=True)
class EmbedderCard:
    """What is known of an embedder.

    Attributes:
        name: name in the registry.
        digest: digest of the weights; another file gives other embeddings.
        width: number of values of an embedding.
        template: landmark template of its crop; see `fertools.faces.templates`.
        size_px: side of its crop.
        scale: how pixels are scaled, in words.
        licence: licence of the weights, as far as known.
        origin: where the weights come from and what they were trained on, as far as known.
        threshold: cosine above which two faces count as one person where a dataset tells nothing; None if nobody has
            measured it.
    """

    name: str
    digest: str
    width: int
    template: str
    size_px: int
    scale: str
    licence: str
    origin: str
    threshold: float | None = None


class Embedder(Protocol):
    """A face recognition network."""

    @property
    def card(self) -> EmbedderCard:
        """What is known of it."""

    def embed(self, crops: Pictures) -> Floats:
        """Return the embeddings of crops.

        Args:
            crops: N crops (size_px, size_px, 3) uint8 RGB, aligned to the template of the card.

        Returns:
            (N, width) float32 of length 1.
        """


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Return vectors scaled to length 1; a zero vector stays zero.

    Args:
        vectors: (N, width) of any length.

    Example:
        >>> unit(np.array([[3.0, 4.0]])).round(1).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
