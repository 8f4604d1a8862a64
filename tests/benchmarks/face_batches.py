"""The faces of a benchmark, as the engine loads them and as plain tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.core.workspace import Workspace
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.data.selection import Selection
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.systems.base import System


@dataclass(frozen=True)
class FaceBatches:
    """The training faces of a recipe.

    Attributes:
        recipe: of the engine's run.
        system: whose augmentation is taken.
        selection: the faces of each domain.
        pixels: NxLxLxC uint8 pixels of each domain.
    """

    recipe: EngineRecipe
    system: System
    selection: Selection
    pixels: dict[str, NDArray[np.uint8]]

    @classmethod
    def read(cls, workspace: Workspace, recipe: EngineRecipe, system: System, selection: Selection) -> FaceBatches:
        """Read the pixels of all domains."""
        pixels = {
            name: load_pixels(workspace, faces, recipe.loaded_px, workspace.pixels)
            for name, faces in selection.domains.items()
        }
        return cls(recipe, system, selection, pixels)

    def loader(self, device: str, kind: type[BatchLoader] = BatchLoader) -> BatchLoader:
        """Return a loader; two of them give the same batches."""
        recipe = self.recipe
        return kind(
            {name: FaceSource(faces, self.pixels[name]) for name, faces in self.selection.domains.items()},
            batch_size=recipe.batch_size,
            augmentation=self.system.augmentation,
            augmentations=self.system.augmentations,
            seed=recipe.seed,
            device=device,
            pairing=recipe.domain_pairing,
            pairings={domain.name: domain.pairing for domain in recipe.domains if domain.pairing is not None},
            alike=recipe.augments_pairs_alike,
        )

    def images(self, device: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """Return the NxCxLxL faces of each domain in [-1, 1]."""
        return {
            name: torch.from_numpy(np.array(some)).permute(0, 3, 1, 2).float().div(127.5).sub(1).to(device, dtype)
            for name, some in self.pixels.items()
        }
