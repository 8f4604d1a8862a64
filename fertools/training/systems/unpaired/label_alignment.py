"""Make the predictions of two classifiers comparable if their classes differ."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.data.batch import Batch
from fertools.training.losses.float32 import widened
from fertools.training.systems.unpaired.networks import compared_classes
from fertools.training.systems.unpaired.recipe import UnpairedRecipe


class LabelAlignment:
    """The inputs of the discriminator of predictions, and the faces that it judges.

    `identity`: the probabilities. `intersection`: the probabilities of the shared classes, renormalised; faces of other
    classes are not judged. `sorted`: the probabilities in descending order, padded with zeros to the larger number of
    classes.

    Args:
        recipe: recipe with the classes of both domains and their alignment.
    """

    def __init__(self, recipe: UnpairedRecipe) -> None:
        self._mode, self._width = recipe.alignment, compared_classes(recipe)
        self._shared = [recipe.class_names.index(name) for name in recipe.shared_classes]
        told = recipe.thermal_outputs
        self._of_thermal = [told.index(name) if name in told else -1 for name in recipe.thermal_class_names]
        self._judged = [0 if name in recipe.shared_classes else -1 for name in recipe.class_names]
        self._tables: dict[str, Tensor] = {}

    def visible(self, logits: Tensor) -> Tensor:
        """Return NxK probabilities of visible faces, from the logits of all their classes."""
        if self._mode == "intersection":
            # Renormalised probabilities are the softmax over fewer logits.
            logits = torch.stack([logits[:, place] for place in self._shared], dim=1)
        return self._shown(logits)

    def thermal(self, logits: Tensor) -> Tensor:
        """Return NxK probabilities of thermal faces, from the logits of the thermal network."""
        return self._shown(logits)

    def _shown(self, logits: Tensor) -> Tensor:
        probabilities = widened(logits).softmax(dim=1)
        if self._mode != "sorted":
            return probabilities
        ordered = probabilities.sort(dim=1, descending=True).values
        return F.pad(ordered, (0, self._width - ordered.shape[1]))

    def visible_rows(self, batch: Batch) -> Tensor:
        """Return N numbers: 1 for visible faces that the discriminator judges, 0 for others."""
        if self._mode != "intersection":
            return torch.ones_like(batch.weights)
        return (self._looked_up("visible", self._judged, batch.emotions) >= 0).to(batch.weights.dtype)

    def thermal_rows(self, batch: Batch) -> Tensor:
        """Return N numbers: 1 for thermal faces that the discriminator judges, 0 for others."""
        return self.thermal_labels(batch)[1]

    def thermal_labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return N labels of the thermal network, and N numbers: 1 for faces with one of its classes, 0 for others.

        The label of a face without one of its classes is 0.
        """
        labels = self._looked_up("thermal", self._of_thermal, batch.emotions)
        return labels.clamp(min=0), (labels >= 0).to(batch.weights.dtype)

    def _looked_up(self, name: str, values: list[int], emotions: Tensor) -> Tensor:
        """Return the value of each emotion from a list of values by emotion; -1 for unknown emotions."""
        # The table is sent to a GPU only once, because the GPU waits for a copy from the CPU.
        key = f"{name} {emotions.device}"
        if key not in self._tables:
            # An unknown emotion has the index -1, which is the last entry.
            self._tables[key] = torch.tensor([*values, -1], device=emotions.device)
        return self._tables[key][emotions]
