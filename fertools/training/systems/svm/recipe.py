"""The keys of a support vector machine's recipe; `training/svm.toml` has their values and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.recipe import SingleDomainRecipe, bounded


@dataclass(frozen=True, kw_only=True)
class SvmRecipe(SingleDomainRecipe):
    """How one support vector machine is trained.

    Raises:
        RecipeError: an unknown set of classes, or cells that do not fit a face.
    """

    predicts = True

    features: Literal["hog", "lbp"]
    classes: str
    hog_orientations: int = bounded(2, 36)
    hog_cell_px: int = bounded(2, 256)
    lbp_radius_px: int = bounded(1, 16)
    lbp_grid: int = bounded(1, 64)
    c: float = bounded(1e-9, 1e9)
    class_weights: Literal["none", "inverse"]
    calibration_folds: int = bounded(2, 20)

    def __post_init__(self) -> None:
        read_classes(self.classes)
        if self.features == "hog" and self.image_size < 2 * self.hog_cell_px:
            raise RecipeError(
                f"image_size is {self.image_size}, and a block of cells has {2 * self.hog_cell_px} pixels; give a "
                "smaller hog_cell_px"
            )
        if self.features == "lbp" and self.image_size < 3 * self.lbp_grid:
            raise RecipeError(
                f"lbp_grid parts faces of {self.image_size} pixels into regions of fewer than 3; give "
                f"{self.image_size // 3} or less"
            )

    @property
    def predicts_emotion(self) -> bool:
        """Whether the expression is told: always."""
        return True

    @property
    def class_names(self) -> tuple[str, ...]:
        """The expressions that are told apart."""
        return read_classes(self.classes)
