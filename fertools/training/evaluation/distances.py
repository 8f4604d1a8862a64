"""Distances of generated faces: FID and KID to real faces, and identity preservation to their parents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.training.evaluation.cached_outputs import CachedOutputs
from fertools.training.evaluation.fid import frechet_distance, identity_preservation, kernel_distance
from fertools.training.evaluation.originals import read_originals
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.evaluation.subject_means import mean_over_subjects, number_people

_SUBSET = 1000
"""Largest number of images per subset of the kernel distance; with fewer than twice as many images, half of them."""
_PAIRED = 2000
"""Largest number of real faces that are paired with one another."""

Floats = NDArray[np.float64]


def feature_metrics(root: Path, table: pa.Table, found: CachedOutputs, *, seed: int) -> Metrics:
    """Return Fréchet and kernel distances of generated faces to real held-out ones.

    Args:
        root: folder of the run.
        table: rows of the generated faces.
        found: features of the generated faces, of the held-out faces, and of some training faces.
        seed: seed of the subsets of the kernel distance.

    Returns:
        `dimensions`, the number of features; `published`, whether published distances use these features; and three
        kinds of distances. `all` is for the faces of the last target domain. `floor` is for the real training faces of
        that domain. `by_target` is for each target expression or kept expression. Each distance has `real` and
        `generated` (numbers of faces), `fid`, `kid`, `kid_sd` and `kid_size`. It is None with fewer than two faces
        on a side.
    """
    real = read_originals(root, held_out=True)
    reached = set(table["target_domain"].to_pylist())
    domain = [name for name in dict.fromkeys(real["domain"].to_pylist()) if name in reached][-1]
    others = read_originals(root, held_out=False)
    others = others.filter(pc.equal(others["domain"], domain))
    others = others.filter(pc.is_in(others["face_id"], value_set=pa.array(found.names, pa.string())))

    def between(left: pa.Table, right: pa.Table) -> Metrics | None:
        if min(len(left), len(right)) < 2:
            return None
        one, two = (found.of(side["face_id"].to_pylist()) for side in (left, right))
        size = min(_SUBSET, max(2, min(len(one), len(two)) // 2))
        kernel = kernel_distance(one, two, np.random.default_rng(seed), size=size)
        return {
            "real": len(one),
            "generated": len(two),
            "fid": frechet_distance(one, two),
            "kid": kernel.mean,
            "kid_sd": kernel.sd,
            "kid_size": kernel.size,
        }

    def of_domain(name: str) -> pa.Table:
        return real.filter(pc.equal(real["domain"], name))

    def of_target(name: str) -> Metrics | None:
        generated = table.filter(pc.equal(table["target"], name))
        faces = of_domain(generated["target_domain"][0].as_py())
        target_emotions = set(generated["target_emotion"].to_pylist())
        if target_emotions == {name}:
            faces = faces.filter(pc.equal(faces["emotion"], name))
        return between(faces, generated)

    targets = sorted(
        target
        for target, emotion in set(zip(table["target"].to_pylist(), table["target_emotion"].to_pylist(), strict=True))
        if emotion is not None
    )
    return {
        "digest": found.digest,
        "dimensions": found.values.shape[1],
        "published": found.about["published"],
        "all": between(of_domain(domain), table.filter(pc.equal(table["target_domain"], domain))),
        "floor": between(of_domain(domain), others),
        "by_target": [{"target": name, "distance": of_target(name)} for name in dict.fromkeys(targets)],
    }


def identity_metrics(root: Path, table: pa.Table, found: CachedOutputs) -> Metrics:
    """Return the identity preservation: the cosine similarity of the embeddings of generated faces and their parents.

    Args:
        root: folder of the run.
        table: rows of the generated faces.
        found: embeddings of the generated faces and of the held-out faces.

    Returns:
        `cosine`, the mean with its interval; and `by_target`, the same for each target. For comparison, `same_person`
        is the mean cosine of pairs of real held-out faces of one person, and `other_people` that of two people. They
        are None without such pairs.
    """
    parents, generated = (found.of(table[name].to_pylist()) for name in ("parent_id", "face_id"))
    cosines, people = identity_preservation(parents, generated)[:, None], number_people(table)
    targets = np.array(table["target"].to_pylist())

    def mean(rows: NDArray[np.bool_]) -> Metrics:
        codes = np.unique(people[rows], return_inverse=True)[1]
        return mean_over_subjects(cosines[rows], codes)[0]

    real = read_originals(root, held_out=True)
    same, other = _pairs(found.of(real["face_id"].to_pylist()), real["subject_id"].to_pylist())
    return {
        "digest": found.digest,
        "cosine": mean(np.ones(len(table), bool)),
        "by_target": [{"target": name, "cosine": mean(targets == name)} for name in sorted(set(targets.tolist()))],
        "same_person": same,
        "other_people": other,
    }


def _pairs(embeddings: Floats, subjects: list[str | None]) -> tuple[float | None, float | None]:
    """Return the mean cosine of pairs of faces of one person, and of two people, where the people are known."""
    known = [row for row, subject in enumerate(subjects) if subject is not None]
    if len(known) > _PAIRED:
        known = [known[index] for index in np.linspace(0, len(known) - 1, _PAIRED).round().astype(int)]
    lengths = np.linalg.norm(embeddings[known], axis=1, keepdims=True)
    cosines = (embeddings[known] / lengths) @ (embeddings[known] / lengths).T
    names = np.array([subjects[row] for row in known])
    same = names[:, None] == names[None]
    pairs = np.triu(np.ones_like(same), 1)
    means = [cosines[pairs & chosen] for chosen in (same, ~same)]
    first, second = (float(values.mean()) if len(values) else None for values in means)
    return first, second
