"""How far a source is from a target before and after it is translated, in the features of a selection.

A selection compares generated faces with real faces of the target. This adds the faces that they were generated from.

Source: Zhang et al., "Facial Expression Recognition in the Wild: A Cycle-Consistent Adversarial Attention Transfer
Approach" (2018), for t-SNE of AlexNet's first convolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fertools.core import files
from fertools.statistics.separability import a_distance, separability
from fertools.training.experiments.selection_features import FaceFeatures, Reader
from fertools.training.experiments.selectors import FEWEST_FACES, embed, principal_components

DOMAINS_NAME = "domains.json"
"""The file in the folder of a selection."""
SOURCE, GENERATED, TARGET = "source", "generated", "target"
_MOST = 150
"""Most faces of a group."""
_WORDS = {
    "A-distance before": "Between the source and the target: 0 if a linear classifier cannot tell them apart, 2 if it "
    "always can.",
    "A-distance after": "The same between generated faces and the target.",
    "before": "Faces of the source and of the target. Both plots show the two widest dimensions of one t-SNE.",
    "after": "Faces generated from the source, and of the target.",
}


def write_domain_shift(path: Path, reader: Reader, paths: Mapping[str, Sequence[Path]]) -> None:
    """Write distances and points of three groups of faces, at most 150 of each; nothing if there are too few.

    Args:
        path: file to write.
        reader: reads the features.
        paths: crops by group: `source`, `generated` and `target`.

    Raises:
        InputError: scikit-learn is not installed.
    """
    rng = np.random.default_rng(0)
    drawn = {name: [some[row] for row in np.sort(rng.permutation(len(some))[:_MOST])] for name, some in paths.items()}
    pooled = FaceFeatures([path for some in drawn.values() for path in some], reader.read)
    if len(pooled.paths) < FEWEST_FACES:
        return
    none = FaceFeatures(pooled.paths[:1], reader.read)
    ends = np.cumsum([len(some) for some in drawn.values()])[:-1]
    pooled_components = principal_components(pooled, none)[0]
    components = dict(zip(drawn, np.split(pooled_components.astype(np.float64), ends), strict=True))
    embedded = embed(pooled_components)
    plane = embedded[:, np.sort(np.argsort(-embedded.std(axis=0), kind="stable")[:2])]
    points = {name: np.round(some, 3).tolist() for name, some in zip(drawn, np.split(plane, ends), strict=True)}
    before, after = (a_distance(separability(components[name], components[TARGET])) for name in (SOURCE, GENERATED))
    content: dict[str, Any] = {
        "faces": {name: len(some) for name, some in drawn.items()},
        "numbers": {"A-distance before": before, "A-distance after": after},
        "points": {
            "before": {SOURCE: points[SOURCE], TARGET: points[TARGET]},
            "after": {GENERATED: points[GENERATED], TARGET: points[TARGET]},
        },
        "words": _WORDS,
    }
    files.write_json(path, content)
