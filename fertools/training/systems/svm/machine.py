"""The baseline: hand-crafted features of a face and a linear support vector machine.

Features are histograms of oriented gradients, or local binary patterns by region. A sigmoid per class (Platt) turns
decision values into probabilities, which are normalised to the sum 1. The sigmoids are fitted to people that a machine
was not trained on.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection" (2005). Ojala et al., "Multiresolution
Gray-Scale and Rotation Invariant Texture Classification with Local Binary Patterns" (2002). Shan et al., "Facial
expression recognition based on Local Binary Patterns" (2009). Platt, "Probabilistic Outputs for Support Vector
Machines" (1999).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.training.data.faces import Pixels
from fertools.training.systems.svm.recipe import SvmRecipe

Floats = NDArray[np.float32]
_UNIFORM_PATTERNS = 59
"""Bins of patterns of eight neighbours: 58 with at most two changes between bright and dark, and one for all others."""
_ABSENT = -2.0
"""Decision value of a class that is not in the training faces."""


@dataclass(frozen=True)
class SupportVectorMachine:
    """A fitted machine.

    Attributes:
        mean: D means of the training features.
        scale: D standard deviations of the training features; 1 where they are constant.
        weights: CxD weights.
        bias: C biases.
        slope: C slopes of the sigmoids.
        offset: C offsets of the sigmoids.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    slope: Floats
    offset: Floats

    def probabilities(self, features: Floats) -> Floats:
        """Return NxC probabilities of NxD features."""
        decisions = (features - self.mean) / self.scale @ self.weights.T + self.bias
        scores = 1 / (1 + np.exp(-np.clip(self.slope * decisions + self.offset, -60, 60)))
        total = scores.sum(axis=1, keepdims=True)
        return np.asarray(scores / total, np.float32)


def compute_features(pixels: Pixels, recipe: SvmRecipe) -> Floats:
    """Return NxD features of NxSxSx3 RGB faces.

    Raises:
        InputError: scikit-image is not installed.
    """
    try:
        from skimage.feature import hog, local_binary_pattern
    except ImportError as error:
        raise _missing("scikit-image", error) from error
    rows = []
    for face in pixels:
        grey = cv2.cvtColor(np.ascontiguousarray(face), cv2.COLOR_RGB2GRAY)
        if recipe.features == "hog":
            cell = (recipe.hog_cell_px, recipe.hog_cell_px)
            rows.append(hog(grey, recipe.hog_orientations, cell, (2, 2), block_norm="L2-Hys"))
        else:
            codes = local_binary_pattern(grey, 8, recipe.lbp_radius_px, "nri_uniform").astype(np.int64)
            rows.append(_histograms(codes, recipe.lbp_grid))
    return np.asarray(rows, np.float32)


def fit_machine(
    features: Floats, labels: NDArray[np.int64], people: NDArray[np.int64], classes: int, recipe: SvmRecipe
) -> SupportVectorMachine:
    """Return a machine fitted to faces.

    Args:
        features: NxD features.
        labels: N class indices from 0 to C - 1.
        people: N numbers of people, which separate the folds of the sigmoids.
        classes: number C of classes.
        recipe: recipe with the constants.

    Raises:
        InputError: scikit-learn is not installed, or all faces show one person.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GroupKFold
    except ImportError as error:
        raise _missing("scikit-learn", error) from error
    if len(np.unique(people)) < 2:
        raise InputError("all training faces show one person, so no probabilities can be fitted; add people")
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scaled = (features - mean) / np.where(scale > 1e-6, scale, 1)
    folds = GroupKFold(min(recipe.calibration_folds, len(np.unique(people))))
    unseen = np.full((len(labels), classes), _ABSENT)
    for seen, others in folds.split(scaled, labels, people):
        if len(np.unique(labels[seen])) > 1:
            weights, bias = _fit_linear(scaled[seen], labels[seen], classes, recipe)
            unseen[others] = scaled[others] @ weights.T + bias
    slope, offset = np.ones(classes), np.full(classes, -4.0)
    for index in range(classes):
        # A class without faces keeps a sigmoid with a probability near 0.
        if 0 < (shown := labels == index).sum() < len(labels):
            fitted = LogisticRegression(C=1e6, max_iter=1000).fit(unseen[:, [index]], shown)
            # A machine that ranks new people wrongly would get a negative slope. It is set to 0: a constant prediction.
            slope[index], offset[index] = max(0.0, fitted.coef_[0, 0]), fitted.intercept_[0]
            if not slope[index]:
                offset[index] = np.log(shown.mean() / (1 - shown.mean()))
    weights, bias = _fit_linear(scaled, labels, classes, recipe)
    parts = (mean, np.where(scale > 1e-6, scale, 1), weights, bias, slope, offset)
    return SupportVectorMachine(*(np.asarray(part, np.float32) for part in parts))


def _fit_linear(features: Any, labels: NDArray[np.int64], classes: int, recipe: SvmRecipe) -> tuple[Any, Any]:
    """Return CxD weights and C biases of machines for one class against the rest."""
    from sklearn.svm import LinearSVC

    balanced = "balanced" if recipe.class_weights == "inverse" else None
    machine = LinearSVC(C=recipe.c, class_weight=balanced, dual=True, max_iter=20_000, random_state=recipe.seed % 2**32)
    machine.fit(features, labels)
    weights, bias = np.zeros((classes, features.shape[1])), np.full(classes, _ABSENT)
    # For two classes there is a single machine, for the second class.
    both = machine.coef_.shape[0] == 1
    weights[machine.classes_] = np.concatenate([-machine.coef_, machine.coef_]) if both else machine.coef_
    bias[machine.classes_] = np.concatenate([-machine.intercept_, machine.intercept_]) if both else machine.intercept_
    return weights, bias


def _histograms(codes: NDArray[np.int64], grid: int) -> NDArray[np.float64]:
    """Return the frequency of every pattern in each of grid x grid regions, concatenated."""
    edges = np.linspace(0, len(codes), grid + 1).round().astype(int)
    parts = []
    for top, bottom in itertools.pairwise(edges):
        for left, right in itertools.pairwise(edges):
            counts = np.bincount(codes[top:bottom, left:right].ravel(), minlength=_UNIFORM_PATTERNS)
            parts.append(counts / counts.sum())
    return np.concatenate(parts)


def _missing(package: str, error: ImportError) -> InputError:
    return InputError(
        f"the SVM needs {package}, which cannot be imported ({error}); run `pip install 'fertools[baselines]'`"
    )
