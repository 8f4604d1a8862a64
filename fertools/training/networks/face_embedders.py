"""Face recognition networks of fertools as embedders: FaceNet and MobileFaceNet, with weights from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fertools.core.arguments import argument
from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.faces.identity.embedder import EmbedderCard, EmbedderOptions, Floats, Pictures
from fertools.training.networks import facenet, mobilefacenet
from fertools.training.networks.backbones import read_weights
from fertools.training.networks.pretrained import FeatureNetwork, extract_features
from fertools.training.networks.published_weights import find_weights

Build = Callable[[Mapping[str, Tensor], str], FeatureNetwork]

_FACENET = EmbedderCard(
    name="facenet",
    digest="",
    width=512,
    template="loose",
    size_px=facenet.SIZE_PX,
    scale="RGB, (x - 127.5) / 128",
    licence="MIT (facenet, facenet-pytorch); VGGFace2 is no longer distributed and was for research",
    origin="20180402-114759-vggface2.pt of facenet-pytorch, trained on VGGFace2",
)
_MOBILEFACENET = EmbedderCard(
    name="mobilefacenet",
    digest="",
    width=512,
    template="arcface",
    size_px=mobilefacenet.SIZE_PX,
    scale="RGB, (x - 127.5) / 128",
    licence="unknown to fertools: as the file's publisher states",
    origin="a file with the layout of TreB1eN/InsightFace_Pytorch's MobileFaceNet",
)


class TorchEmbedder:
    """A network of torch; a `fertools.faces.identity.embedder.Embedder`.

    Args:
        card: what is known of the network, without the digest.
        build: makes the network from weights.
        weights: name of its weights where the options name none; empty if there are no published ones.
        options: weights, device and workspace.

    Raises:
        InputError: the weights are missing or belong to another network.
        DeviceError: this machine has no such device.
    """

    def __init__(self, card: EmbedderCard, build: Build, weights: str, options: EmbedderOptions) -> None:
        if options.input:
            raise InputError(f"{argument('input')} is an option of onnx; leave it out with {card.name}")
        wanted = options.weights or weights
        if not wanted:
            raise InputError(f"{card.name} has no weights that pip installs; give a file by {argument('weights')}")
        # A path is relative to the current folder, as with every embedder; a name, or a run, to the workspace.
        path = Path(wanted) if Path(wanted).is_file() else find_weights(wanted, Workspace(options.folder or "."))
        network = build(read_weights(path), str(path))
        if isinstance(network, torch.nn.Module):
            network.to(choose_device(options.device))
        self.network = network
        self.card = replace(card, digest=hash_file(path), width=network.width)

    def embed(self, crops: Pictures) -> Floats:
        """Return the embeddings of crops; see `Embedder.embed`."""
        if not len(crops):
            return np.empty((0, self.card.width), np.float32)
        pictures = crops if isinstance(crops, np.ndarray) else np.stack(crops)
        return extract_features(self.network, pictures)


def make_facenet(options: EmbedderOptions) -> TorchEmbedder:
    """Return FaceNet's Inception-ResNet v1; the entry point of `--embedder facenet`."""
    return TorchEmbedder(_FACENET, facenet.build_facenet, "facenet-vggface2", options)


def make_mobilefacenet(options: EmbedderOptions) -> TorchEmbedder:
    """Return MobileFaceNet; the entry point of `--embedder mobilefacenet`."""
    return TorchEmbedder(_MOBILEFACENET, mobilefacenet.build_mobilefacenet, "", options)
