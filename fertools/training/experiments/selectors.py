"""Methods that select generated faces for real faces: spaces in which the nearest faces are taken.

    nearest     the features as they are
    pca-knn     the first 50 principal components of the generated faces' features
    tsne-knn    a joint t-SNE of generated and real faces in three dimensions, from those components

To add a method, add a projection here. The tree of t-SNE takes three dimensions at most.

Source: Zhang et al., "Facial Expression Recognition in the Wild: A Cycle-Consistent Adversarial Attention Transfer
Approach" (2018), for t-SNE and nearest neighbours; van der Maaten, "Accelerating t-SNE using Tree-Based Algorithms"
(2014), for 50 components.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Protocol

import numpy as np

from fertools.core.errors import InputError
from fertools.training.experiments.selection_features import FaceFeatures, Features

_COMPONENTS, _DIMENSIONS, _PERPLEXITY = 50, 3, 30.0


class Projection(Protocol):
    """Returns points whose distances are compared."""

    def __call__(self, candidates: FaceFeatures, real: FaceFeatures) -> tuple[Features, Features]:
        """Return NxD points of the N candidates and MxD points of the M real faces."""


def unchanged(candidates: FaceFeatures, real: FaceFeatures) -> tuple[Features, Features]:
    """Return the features of both."""
    return candidates.together(), real.together()


def principal_components(candidates: FaceFeatures, real: FaceFeatures) -> tuple[Features, Features]:
    """Return the first 50 principal components of the candidates' features, and the real faces in the same space.

    They are computed batch by batch, in two passes. The same faces always give the same components.

    Raises:
        InputError: scikit-learn is not installed.
    """
    decomposition = _sklearn("decomposition")
    # A smaller batch could not hold all components.
    batches = candidates.batches(least=_COMPONENTS)
    first = next(batches)
    pca = decomposition.IncrementalPCA(min(_COMPONENTS, *first.shape))
    pca.partial_fit(first)
    for batch in batches:
        pca.partial_fit(batch)
    found = [[pca.transform(batch) for batch in faces.batches()] for faces in (candidates, real)]
    return np.concatenate(found[0]).astype(np.float32), np.concatenate(found[1]).astype(np.float32)


def joint_tsne(candidates: FaceFeatures, real: FaceFeatures) -> tuple[Features, Features]:
    """Return a joint t-SNE of candidates and real faces in three dimensions, from their principal components.

    Raises:
        InputError: scikit-learn is not installed, or there are fewer than five faces.
    """
    manifold = _sklearn("manifold")
    pooled = np.concatenate(principal_components(candidates, real))
    if len(pooled) < 5:
        raise InputError(f"t-SNE needs five faces or more, and there are {len(pooled)}; set method to pca-knn")
    # Fewer components than dimensions, as of two candidates, are filled up with zeros.
    pooled = np.pad(pooled, ((0, 0), (0, max(0, _DIMENSIONS - pooled.shape[1]))))
    perplexity = min(_PERPLEXITY, (len(pooled) - 1) / 3)
    tsne = manifold.TSNE(_DIMENSIONS, perplexity=perplexity, init="pca", random_state=0)
    points = np.asarray(tsne.fit_transform(pooled), np.float32)
    return points[: len(candidates.paths)], points[len(candidates.paths) :]


def _sklearn(part: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(f"sklearn.{part}")
    except ImportError as error:
        raise InputError(
            f"pca-knn and tsne-knn need scikit-learn, which cannot be imported ({error}); run `pip install "
            "'fertools[baselines]'`, or set method to nearest"
        ) from error


PROJECTIONS: Mapping[str, Projection] = {
    "nearest": unchanged,
    "pca-knn": principal_components,
    "tsne-knn": joint_tsne,
}
"""All methods by their name in a step."""
