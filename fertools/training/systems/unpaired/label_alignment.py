"""Predictions of two classifiers made comparable, where their classes differ."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.data.batch import Batch
from fertools.training.losses.float32 import widened
from fertools.training.systems.unpaired.networks import compared_classes
from fertools.training.systems.unpaired.recipe import UnpairedRecipe


class LabelAlignment:
    """What the discriminator of predictions is shown, and which faces it judges.

    `identity`: the probabilities. `intersection`: those of the shared classes, renormalised; faces of other classes are
    not judged. `sorted`: the probabilities in falling order, with zeros up to the larger number of classes.

    Args:
        recipe: the classes of both domains, and how they are aligned.
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
        """Return N, 1 for visible faces whose predictions are judged and 0 for others."""
        if self._mode != "intersection":
            return torch.ones_like(batch.weights)
        return (self._looked_up("visible", self._judged, batch.emotions) >= 0).to(batch.weights.dtype)

    def thermal_rows(self, batch: Batch) -> Tensor:
        """Return N, 1 for thermal faces whose predictions are judged and 0 for others."""
        return self.thermal_labels(batch)[1]

    def thermal_labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return N labels among the classes that the thermal network tells apart, and N, 0 where it has none of them.

        A label that is not one of them is 0.
        """
        labels = self._looked_up("thermal", self._of_thermal, batch.emotions)
        return labels.clamp(min=0), (labels >= 0).to(batch.weights.dtype)

    def _looked_up(self, name: str, values: list[int], emotions: Tensor) -> Tensor:
        """Return the value at each emotion's place; -1 for unknown emotions."""
        # Sent to a GPU once, since a copy from the CPU makes it wait.
        key = f"{name} {emotions.device}"
        if key not in self._tables:
            # The place -1 of an unknown emotion is the last.
            self._tables[key] = torch.tensor([*values, -1], device=emotions.device)
        return self._tables[key][emotions]
