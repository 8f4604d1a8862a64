"""Nearest neighbours against SciPy's, and the spaces in which faces are compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch.nn import functional as F

from fertools.core.errors import InputError
from fertools.statistics.neighbours import nearest
from fertools.training.experiments.domain_shift import write_domain_shift
from fertools.training.experiments.selection_features import FaceFeatures, Reader
from fertools.training.experiments.selectors import PROJECTIONS, joint_tsne, principal_components
from fertools.training.networks.first_convolution import build_first_convolution
from fertools.training.networks.imagenet import normalised
from fertools.training.networks.plain import AlexNet
from fertools.training.reports.domain_sections import domains_section


@pytest.mark.parametrize(("candidates", "real", "count"), [(40, 7, 3), (5, 1200, 1), (3, 4, 9)])
def test_they_are_those_of_a_tree(candidates: int, real: int, count: int) -> None:
    rng = np.random.default_rng(candidates)
    pool, wanted = (rng.normal(100, 1, (number, 6)).astype(np.float32) for number in (candidates, real))
    rows, distances = nearest(pool, wanted, count)
    known, positions = cKDTree(pool).query(wanted, k=range(1, min(count, candidates) + 1))
    np.testing.assert_array_equal(rows, positions)
    np.testing.assert_allclose(distances, known, rtol=1e-6)


def test_of_two_at_one_distance_the_first_is_taken() -> None:
    rows, distances = nearest(np.ones((3, 2), np.float32), np.ones((1, 2), np.float32), 2)
    assert rows.tolist() == [[0, 1]]
    assert distances.tolist() == [[0, 0]]


def stored(values: NDArray[np.float64]) -> FaceFeatures:
    """Return features that are read from an array, and count how many are read at once."""

    def read(paths: Sequence[Path]) -> NDArray[np.float32]:
        return values[[int(path.name) for path in paths]].astype(np.float32)

    return FaceFeatures([Path(str(row)) for row in range(len(values))], read)


def test_batches_are_even_and_in_order() -> None:
    faces = stored(np.arange(300.0)[:, None])
    batches = list(faces.batches())
    assert [len(batch) for batch in batches] == [150, 150]
    assert np.concatenate(batches).ravel().tolist() == list(range(300))
    assert faces.together().shape == (300, 1)


def test_principal_components_keep_the_neighbours_and_are_always_the_same() -> None:
    rng = np.random.default_rng(0)
    # Sixty directions of falling spread among 200 numbers: fifty hold nearly everything.
    basis = np.linalg.qr(rng.normal(size=(200, 60)))[0].T
    spread = 0.8 ** np.arange(60)
    pool, wanted = (5 + (rng.normal(size=(count, 60)) * spread) @ basis for count in (400, 20))
    found = principal_components(stored(pool), stored(wanted))
    assert [points.shape for points in found] == [(400, 50), (20, 50)]
    rows, distances = nearest(*found, 3)
    exact, apart = nearest(pool.astype(np.float32), wanted.astype(np.float32), 3)
    np.testing.assert_array_equal(rows, exact)
    np.testing.assert_allclose(distances, apart, rtol=0.02)
    again = principal_components(stored(pool), stored(wanted))
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize("method", PROJECTIONS)
def test_every_method_finds_the_group_that_a_face_belongs_to(method: str) -> None:
    rng = np.random.default_rng(0)
    centres = 20 * rng.normal(size=(3, 80))
    pool, wanted = (centres[np.arange(count) % 3] + rng.normal(size=(count, 80)) for count in (300, 9))
    # A group is larger than the perplexity of t-SNE, which is 30.
    rows, _ = nearest(*PROJECTIONS[method](stored(pool), stored(wanted)), 4)
    assert (rows % 3 == (np.arange(9) % 3)[:, None]).all()


def test_tsne_has_three_dimensions_and_needs_five_faces() -> None:
    values = np.random.default_rng(0).normal(size=(4, 2))
    found = joint_tsne(stored(values), stored(values[:2]))
    assert [points.shape for points in found] == [(4, 3), (2, 3)]
    with pytest.raises(InputError, match="needs five faces or more, and there are 4"):
        joint_tsne(stored(values[:2]), stored(values[:2]))


def test_a_translation_that_reaches_the_target_has_no_distance_left(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # Forty faces of each of three groups; generated ones look like those of the target.
    values = rng.normal(size=(120, 30))
    values[:40] += 30
    faces = stored(values)
    groups = {"source": faces.paths[:40], "generated": faces.paths[40:80], "target": faces.paths[80:]}
    write_domain_shift(tmp_path / "domains.json", Reader(faces.read, {}), groups)
    found = json.loads((tmp_path / "domains.json").read_bytes())
    assert found["numbers"]["A-distance before"] == 2
    assert found["numbers"]["A-distance after"] < 0.7
    assert {name: len(points) for name, points in found["points"]["after"].items()} == {"generated": 40, "target": 40}
    page = "".join(domains_section({"Chosen faces": found}))
    assert "<td>Chosen faces</td>" in page
    assert page.count("<svg") == 2
    assert not list(domains_section({}))


def test_without_scikit_learn_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    values = np.random.default_rng(0).normal(size=(6, 2))
    with pytest.raises(InputError, match=r"pip install 'fertools\[baselines\]'"):
        joint_tsne(stored(values), stored(values))


def test_the_first_convolution_is_that_of_alexnet_on_resized_pictures() -> None:
    alexnet = AlexNet(3)
    weights = alexnet.state_dict()
    images = torch.rand(2, 3, 300, 300) * 2 - 1
    (found,) = build_first_convolution(weights, "there")(images)
    resized = F.interpolate(normalised(images), (224, 224), mode="bilinear", align_corners=False, antialias=True)
    wanted = alexnet.features[0](resized)
    assert found.shape == (2, 64, 55, 55)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    flax = {
        "AlexNet_0/Conv_0/kernel": weights["features.0.weight"].permute(2, 3, 1, 0),
        "AlexNet_0/Conv_0/bias": weights["features.0.bias"],
    }
    assert torch.equal(build_first_convolution(flax, "there")(images)[0], found)
    with pytest.raises(InputError, match="there has no first convolution of an AlexNet"):
        build_first_convolution({"conv1.weight": torch.zeros(1)}, "there")
    assert torch.equal(build_first_convolution()(images)[0], build_first_convolution()(images)[0])
