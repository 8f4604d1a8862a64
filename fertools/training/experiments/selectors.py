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
from typing import Protocol

import numpy as np

from fertools.core.errors import InputError
from fertools.statistics.principal_components import PrincipalComponents
from fertools.training.experiments.selection_features import FaceFeatures, Features

FEWEST_FACES = 5
"""With fewer faces there is no t-SNE."""
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
    """
    found = PrincipalComponents(_COMPONENTS)
    for batch in candidates.batches():
        found.add(batch)
    points = [np.concatenate([found.transform(batch) for batch in faces.batches()]) for faces in (candidates, real)]
    return points[0], points[1]


def joint_tsne(candidates: FaceFeatures, real: FaceFeatures) -> tuple[Features, Features]:
    """Return a joint t-SNE of candidates and real faces in three dimensions, from their principal components.

    Raises:
        InputError: scikit-learn is not installed, or there are fewer than five faces.
    """
    pooled = np.concatenate(principal_components(candidates, real))
    if len(pooled) < FEWEST_FACES:
        raise InputError(f"t-SNE needs five faces or more, and there are {len(pooled)}; set method to pca-knn")
    points = embed(pooled)
    return points[: len(candidates.paths)], points[len(candidates.paths) :]


def embed(components: Features) -> Features:
    """Return Nx3 points of the t-SNE of NxK principal components, of FEWEST_FACES or more.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise InputError(
            f"t-SNE needs scikit-learn, which cannot be imported ({error}); run `pip install 'fertools[baselines]'`"
        ) from error
    # Fewer components than dimensions, as of two faces, are filled up with zeros.
    components = np.pad(components, ((0, 0), (0, max(0, _DIMENSIONS - components.shape[1]))))
    perplexity = min(_PERPLEXITY, (len(components) - 1) / 3)
    # In three dimensions, the usual angle of 0.5 leaves some points far from their group.
    tsne = TSNE(_DIMENSIONS, perplexity=perplexity, init="pca", angle=0.2, random_state=0)
    return np.asarray(tsne.fit_transform(components), np.float32)


PROJECTIONS: Mapping[str, Projection] = {
    "nearest": unchanged,
    "pca-knn": principal_components,
    "tsne-knn": joint_tsne,
}
"""All methods by their name in a step."""
