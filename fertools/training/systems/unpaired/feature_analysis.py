"""The analysis of unpaired recognition: how well features and predictions show the modality, and reconstructions."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from fertools.statistics.separability import a_distance, separability
from fertools.training.networks.imagenet import normalised
from fertools.training.networks.resnet import ResNet
from fertools.training.systems.analysis import Analysis, Floats
from fertools.training.systems.unpaired.label_alignment import LabelAlignment
from fertools.training.systems.unpaired.networks import FEATURE_STAGES
from fertools.training.systems.unpaired.recipe import DECODER, THERMAL, VISIBLE, UnpairedRecipe

_BATCH = 32
_BINS = 20
_PERPLEXITY = 30
_WORDS = {
    "modality accuracy": "Balanced accuracy of a new linear classifier that distinguishes visible and thermal "
    "features, cross-validated over held-out faces; 0.5 is chance.",
    "A-distance": "2 (1 - 2 error) of that classifier: 0 if the features do not show the modality, at most 2.",
    "distance of predictions": "Half the summed difference of the two histograms below; 0 is equal and 1 disjoint.",
}
_VALUES = {
    True: "Probability of the first class, by modality.",
    False: "Highest probability among the compared classes, by modality.",
}


@torch.no_grad()
def analyse(recipe: UnpairedRecipe, networks: Mapping[str, nn.Module], images: Mapping[str, Tensor]) -> Analysis:
    """Return the analysis of the networks of a finished run on held-out faces.

    Args:
        recipe: recipe of the run.
        networks: trained networks by name.
        images: Nx3xSxS faces in [-1, 1], by domain.
    """
    align = LabelAlignment(recipe)
    shown = {VISIBLE: align.visible, THERMAL: align.thermal}
    pooled, values, rebuilt = {}, {}, []
    two = False
    for name, faces in images.items():
        network = networks[name]
        assert isinstance(network, ResNet)
        network.eval()
        means, sure = [], []
        for part in torch.split(faces, _BATCH):
            features = network.begin(normalised(part), FEATURE_STAGES)
            probabilities = shown[name](network.finish(features, FEATURE_STAGES))
            two = probabilities.shape[1] == 2
            means.append(features.mean(dim=(2, 3)))
            sure.append(probabilities[:, 0] if two else probabilities.max(dim=1).values)
            if name == VISIBLE and DECODER in networks:
                rebuilt.append(networks[DECODER].eval()(features) * 2 - 1)
        pooled[name], values[name] = (torch.cat(some).double().cpu().numpy() for some in (means, sure))
    accuracy = separability(pooled[VISIBLE], pooled[THERMAL])
    words = _WORDS | {"predictions": _VALUES[two]}
    method, points = _embedded(np.concatenate([pooled[VISIBLE], pooled[THERMAL]]))
    words["features"] = f"{method} of the output of layer2, averaged over positions, by modality."
    if rebuilt:
        words["reconstructions"] = "Held-out visible faces, and their reconstructions by the decoder."
    count = len(pooled[VISIBLE])
    return Analysis(
        numbers={
            "modality accuracy": accuracy,
            "A-distance": a_distance(accuracy),
            "distance of predictions": histogram_distance(values[VISIBLE], values[THERMAL]),
        },
        words=words,
        points={"features": {VISIBLE: points[:count], THERMAL: points[count:]}},
        values={"predictions": values},
        rebuilt={"reconstructions": (images[VISIBLE], torch.cat(rebuilt))} if rebuilt else {},
    )


def histogram_distance(some: Floats, others: Floats) -> float:
    """Return the total variation between the histograms of two sets of values from 0 to 1.

    Example:
        >>> histogram_distance(np.array([0.1, 0.1]), np.array([0.1, 0.9]))
        0.5
    """
    shares = [np.histogram(values, _BINS, (0, 1))[0] / len(values) for values in (some, others)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _embedded(features: Floats) -> tuple[str, Floats]:
    """Return the name of a method, and its Nx2 points of NxC features; t-SNE if scikit-learn is installed."""
    centred = features - features.mean(axis=0)
    if importlib.util.find_spec("sklearn") is None or len(features) < 4:
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        plane = np.zeros((len(features), 2))
        plane[:, : min(2, len(sizes))] = (left * sizes)[:, :2]
        return "First two principal components (t-SNE needs scikit-learn)", plane
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(centred)
    return "t-SNE", np.asarray(found, np.float64)
