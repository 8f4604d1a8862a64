"""A ready expression model that fertools did not train: it states its classes, its origin and its own crop.

Such a model predicts well only on the crop that it was trained on: with a margin of 40 %, a fifth of its right answers
are lost. So its faces are always cut again, from pictures by their landmarks, and from crops of other templates by the
places of the landmarks in both templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fertools.core.errors import InputError
from fertools.core.hashing import hash_file
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.faces.alignment import extract_crop, similarity
from fertools.faces.centring import CENTRED
from fertools.faces.templates import template
from fertools.training.data.faces import Pixels
from fertools.training.data.pixel_cache import resize
from fertools.training.networks.keras_h5 import SUFFIXES
from fertools.training.networks.mini_xception import CLASSES, SIZE_PX, read_mini_xception
from fertools.training.networks.published_weights import PUBLIC, entry_name, find_weights, list_weights
from fertools.training.recipes.view import View
from fertools.training.runs.artefact import Crop, ModelInfo

SYSTEM = "mini-xception"
"""Name of the network in `training/weights.toml`, and of the system in the model's description."""
_CROP = Crop("tight", SIZE_PX, SIZE_PX, fill="edge")
_BATCH = 128


@dataclass(frozen=True)
class PublicModel:
    """A ready model, opened.

    Attributes:
        name: name of the model in tables: `public`, the name of an entry, or the name of the file.
        path: path of its file.
        info: its description; the crop in it is the model's own.
        network: the network.
        trained_on: its training data, in words; empty for a file of unknown origin.
        licence: licence of the weights and of the data; empty for a file of unknown origin.
    """

    name: str
    path: Path
    info: ModelInfo
    network: ReadyNetwork
    trained_on: str
    licence: str


@dataclass(frozen=True)
class ReadyNetwork:
    """A network with the operations of `fertools.training.runs.rebuilt_network.Network`.

    Attributes:
        network: the torch network, in eval mode, with outputs in the order of FER2013's labels.
        device: name of the torch device.
        classes: the expressions in the order of the probabilities.
        predicts_va: whether it predicts valence and arousal.
        targets: names of its translation targets; it has none.
        modality: modality of the faces that it predicts.
    """

    network: nn.Module
    device: str
    classes: tuple[str, ...] = EMOTIONS
    predicts_va: bool = False
    targets: tuple[str, ...] = ()
    modality: str = "visible"

    @torch.no_grad()
    def predict(self, crops: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return N x C probabilities, and N x 0 valence and arousal, of N x S x S x 3 crops of the model's own kind."""
        order = [CLASSES.index(name) for name in self.classes]
        found = [np.empty((0, len(order)), np.float32)]
        for start in range(0, len(crops), _BATCH):
            coded = torch.from_numpy(np.ascontiguousarray(crops[start : start + _BATCH])).to(self.device)
            logits = self.network(coded.permute(0, 3, 1, 2).float().div(127.5).sub(1))
            found.append(logits.softmax(dim=1)[:, order].cpu().numpy())
        return np.concatenate(found), np.empty((len(crops), 0), np.float32)

    def translate(self, crops: Pixels, target: str) -> Pixels:
        """Raise KeyError, because the model has no targets."""
        raise KeyError(target)


def is_public(workspace: Workspace, wanted: str) -> bool:
    """Return whether a name means a ready model: `public`, an entry with such a network, or the path of a Keras file.

    Args:
        workspace: workspace with the list of weights.
        wanted: name or path.
    """
    if wanted == PUBLIC or Path(wanted).suffix.lower() in SUFFIXES:
        return True
    return any(entry.name == wanted and entry.network == SYSTEM for entry in list_weights(workspace))


def open_public(workspace: Workspace, wanted: str, device: str) -> PublicModel:
    """Return a ready expression model.

    Args:
        workspace: workspace with the list of weights, and with files of weights.
        wanted: `public`, the name of an entry of `training/weights.toml`, or the path of a Keras file with the weights
            of mini-Xception for the seven expressions of FER2013.
        device: device of the network, by its name for torch.

    Raises:
        InputError: the file is not on this machine, is damaged, or has the weights of another network; or h5py is not
            installed.
    """
    path = find_weights(wanted, workspace)
    entry = next((entry for entry in list_weights(workspace) if entry.name == entry_name(wanted)), None)
    if entry is not None and entry.network != SYSTEM:
        raise InputError(f"{wanted} are weights of {entry.network}, which predicts no expressions; give `{PUBLIC}`")
    info = ModelInfo(
        system=SYSTEM,
        network=SYSTEM,
        run="",
        preset="",
        recipe={},
        classes=EMOTIONS,
        prototypes=(),
        crop=_CROP,
        held_out_folds=None,
        subjects=0,
        faces=0,
        faces_digest="",
        digest=hash_file(path),
    )
    network = ReadyNetwork(read_mini_xception(path).to(device), device)
    origin = ("", "") if entry is None else (entry.trained_on, entry.licence)
    return PublicModel(wanted if entry is not None else path.name, path, info, network, *origin)


def cut_again(pictures: Pixels, name: str, view: View, crop: Crop) -> Pixels:
    """Return the crops that a model expects, cut out of crops of another template.

    Args:
        pictures: N x S x S x 3 crops.
        name: template of these crops; `centre` for crops without landmarks, which are only resized.
        view: what the crops show of an aligned face; its side is S.
        crop: the crop that the model expects.

    Example:
        >>> cut_again(np.zeros((2, 96, 96, 3), np.uint8), "loose", View(96), Crop("tight", 64, 64)).shape
        (2, 64, 64, 3)
    """
    size_px = crop.size_px
    if name == CENTRED or (name == crop.template and view.is_whole):
        cut = [resize(picture, size_px) for picture in pictures]
    else:
        points = template(name) * view.of_px - 0.5 - view.margin_px
        matrix = similarity(points, crop.template, size_px)
        cut = [extract_crop(picture, matrix, size_px, crop.fill) for picture in pictures]
    return np.stack(cut) if cut else np.empty((0, size_px, size_px, 3), np.uint8)
