"""Features in which generated faces are compared with real ones: pixels, or outputs of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.training.data.pixel_cache import read_crop
from fertools.training.evaluation.evaluation_networks import open_predictor
from fertools.training.experiments.experiment_steps import CONV1, SelectStep, resolve
from fertools.training.experiments.graph import Task
from fertools.training.networks.backbones import head_name, read_weights
from fertools.training.networks.feature_maps import TRAINED_PX
from fertools.training.networks.first_convolution import build_first_convolution
from fertools.training.networks.published_weights import find_weights
from fertools.training.recipes.view import View
from fertools.training.runs.load import load_predictor
from fertools.training.systems.capabilities import predicting

RANDOM = "random"
"""The key `weights` for random weights."""
_PIXELS_PX, _BATCH = 32, 128
"""Side in pixels of the faces for comparisons of pixels, and batch size of the networks."""
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Reader:
    """Reads the features of faces.

    Attributes:
        read: returns NxD features of the crops at N paths.
        record: description of the features for the record of a selection.
    """

    read: Callable[[Sequence[Path]], Features]
    record: Mapping[str, Any]


@dataclass(frozen=True)
class FaceFeatures:
    """The features of faces, computed batch by batch whenever they are needed.

    Those of a convolution have 193,600 numbers per face, and do not fit into memory for all generated faces.

    Attributes:
        paths: paths of the crops.
        read: returns the features of some of them.
    """

    paths: Sequence[Path]
    read: Callable[[Sequence[Path]], Features]

    def batches(self) -> Iterator[Features]:
        """Yield the features in order."""
        count = max(1, len(self.paths) // _BATCH)
        for rows in np.array_split(np.arange(len(self.paths)), count):
            yield self.read([self.paths[row] for row in rows])

    def together(self) -> Features:
        """Return the NxD features of all faces."""
        return np.concatenate(list(self.batches()))


def open_reader(workspace: Workspace, step: SelectStep, task: Task, device: str) -> Reader:
    """Return the reader of a step's features.

    Args:
        workspace: workspace with the weights and runs.
        step: the step.
        task: the task, with the folders of the runs that the step refers to.
        device: device of the network.

    Raises:
        InputError: the weights or the run cannot be found or read, or the weights belong to another network.
    """
    if step.features == "pixels":
        return Reader(lambda paths: _crops(paths, _PIXELS_PX).reshape(len(paths), -1).astype(np.float32), {})
    if step.features == CONV1:
        return _first_convolution(workspace, step.weights, device)
    (folder,) = resolve(step.features, task.references)
    run = load_predictor(workspace, folder)
    system, network, _, _ = open_predictor(run, device)
    given: list[Tensor] = []
    head = network.get_submodule(head_name(network))
    head.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0].flatten(1).float().cpu()))

    @torch.no_grad()
    def read(paths: Sequence[Path]) -> Features:
        given.clear()
        for start in range(0, len(paths), _BATCH):
            images = _images(paths[start : start + _BATCH], run.recipe.view, device)
            predicting(system).predict(network, images)
        return np.asarray(torch.cat(given).numpy(), np.float32)

    return Reader(read, {"run": folder})


def _first_convolution(workspace: Workspace, weights: str, device: str) -> Reader:
    """Return the reader of AlexNet's first convolution with the given weights."""
    if weights == RANDOM:
        network, record = build_first_convolution(), {"weights": RANDOM}
    else:
        path = find_weights(weights, workspace)
        network = build_first_convolution(read_weights(path), str(path))
        record = {"weights": weights, "digest": hash_file(path)}
    network.to(device)

    @torch.no_grad()
    def read(paths: Sequence[Path]) -> Features:
        parts = []
        for start in range(0, len(paths), _BATCH):
            (found,) = network(_images(paths[start : start + _BATCH], TRAINED_PX, device))
            parts.append(found.flatten(1).cpu().numpy())
        return np.concatenate(parts)

    return Reader(read, record)


def _crops(paths: Sequence[Path], view: View | int) -> NDArray[np.uint8]:
    return np.stack([read_crop(path, view) for path in paths])


def _images(paths: Sequence[Path], view: View | int, device: str) -> Tensor:
    return torch.from_numpy(_crops(paths, view)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
