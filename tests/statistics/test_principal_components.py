"""Principal components batch by batch are those of all rows together."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA, IncrementalPCA

from fertools.statistics.principal_components import PrincipalComponents


def rows(count: int = 300, width: int = 2000, kinds: int = 12) -> np.ndarray:
    """Return rows that vary mostly in some directions, far from the origin."""
    rng = np.random.default_rng(0)
    strong = rng.normal(size=(count, kinds)) * np.linspace(9, 2, kinds) @ rng.normal(size=(kinds, width))
    return np.asarray(strong + rng.normal(size=(count, width)) + 50, np.float32)


def apart(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


@pytest.mark.parametrize("batch", [300, 100, 37, 1])
def test_distances_are_those_of_an_exact_analysis(batch: int) -> None:
    data = rows()
    found = PrincipalComponents(12)
    for start in range(0, len(data), batch):
        found.add(data[start : start + batch])
    wanted = PCA(12, svd_solver="full").fit_transform(data.astype(np.float64))
    assert apart(found.transform(data)) == pytest.approx(apart(wanted), rel=2e-2, abs=1)
    assert found.mean == pytest.approx(data.mean(axis=0), abs=1e-3)
    assert found.components @ found.components.T == pytest.approx(np.eye(12), abs=1e-5)


def test_components_are_those_of_scikit_learn_batch_by_batch() -> None:
    data = rows()
    found, theirs = PrincipalComponents(12), IncrementalPCA(12)
    for part in np.array_split(data, 5):
        found.add(part)
        theirs.partial_fit(part.astype(np.float64))
    assert np.abs((found.components * theirs.components_).sum(axis=1)) == pytest.approx(np.ones(12), abs=1e-4)


def test_no_component_is_made_of_rounding() -> None:
    line = np.outer(np.arange(10), np.ones(500)).astype(np.float32)
    found = PrincipalComponents(50)
    found.add(line[:4])
    found.add(line[4:])
    assert found.components.shape == (1, 500)
    alike = PrincipalComponents(3)
    alike.add(np.ones((6, 500), np.float32))
    assert alike.transform(line).shape == (10, 0)
