"""The recipe of a support vector machine; `training/svm.toml` has the values and the meaning of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.recipe import SingleDomainRecipe
from fertools.training.recipes.values import bounded


@dataclass(frozen=True, kw_only=True)
class SvmRecipe(SingleDomainRecipe):
    """The recipe of a support vector machine.

    Raises:
        RecipeError: the set of classes is unknown, or the cells do not fit a face.
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
                f"image_size is {self.image_size}, but a block of cells has {2 * self.hog_cell_px} pixels; give a "
                "smaller hog_cell_px"
            )
        if self.features == "lbp" and self.image_size < 3 * self.lbp_grid:
            raise RecipeError(
                f"lbp_grid divides faces of {self.image_size} pixels into regions of fewer than 3 pixels; give "
                f"{self.image_size // 3} or less"
            )

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system predicts expressions: always."""
        return True

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their indices."""
        return read_classes(self.classes)
