"""Nearest neighbours against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from fertools.statistics.neighbours import nearest


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
