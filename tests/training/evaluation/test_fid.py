"""FID and KID against scipy and scikit-learn, and cosines in a case computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg
from sklearn.metrics.pairwise import polynomial_kernel

from fertools.training.evaluation.fid import frechet_distance, identity_preservation, kernel_distance


def by_roots_of_matrices(one: np.ndarray, two: np.ndarray) -> float:
    """The formula as printed, by scipy's root of a matrix."""
    covariances = [np.cov(side, rowvar=False) for side in (one, two)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    shift = ((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum()
    return float(shift + np.trace(covariances[0] + covariances[1] - 2 * np.real(root)))


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_the_frechet_distance_is_that_of_scipys_root(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(width, width))
    one, two = rng.normal(size=(60, width)), rng.normal(size=(45, width)) @ mix + rng.normal(size=width)
    assert frechet_distance(one, two) == pytest.approx(by_roots_of_matrices(one, two), rel=1e-6, abs=1e-8)


def test_it_holds_where_pictures_are_fewer_than_features() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(8, 40)), rng.normal(size=(12, 40)) + 1
    # A root of a singular matrix is not exact; a little of the identity makes it so.
    covariances = [np.cov(side, rowvar=False) + 1e-7 * np.eye(40) for side in (one, two)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    shift = ((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum()
    wanted = shift + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
    assert frechet_distance(one, two) == pytest.approx(wanted, rel=1e-3)


def test_equal_pictures_are_at_no_distance_and_a_shift_at_its_square() -> None:
    features = np.random.default_rng(0).normal(size=(50, 6))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features + 2) == pytest.approx(6 * 4)


def test_the_kernel_distance_is_unbiased_and_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(30, 5)), rng.normal(size=(30, 5)) + 0.5
    kernels = [polynomial_kernel(x, y, degree=3, gamma=1 / 5, coef0=1) for x, y in ((one, one), (two, two), (one, two))]
    off = [(kernel.sum() - np.trace(kernel)) / (30 * 29) for kernel in kernels[:2]]
    wanted = sum(off) - 2 * kernels[2].mean()
    # One subset of all there are is the whole.
    assert kernel_distance(one, two, rng, subsets=1).mean == pytest.approx(wanted)
    same = [
        kernel_distance(rng.normal(size=(40, 5)), rng.normal(size=(40, 5)), rng, subsets=1).mean for _ in range(200)
    ]
    assert abs(np.mean(same)) < 3 * np.std(same) / 200**0.5
    assert min(same) < 0


def test_the_same_generator_gives_the_same_subsets() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.normal(size=(60, 4)), rng.normal(size=(50, 4))
    first, again = (kernel_distance(one, two, np.random.default_rng(3), size=20, subsets=5) for _ in range(2))
    assert first == again
    assert (first.size, first.sd > 0) == (20, True)


def test_kernels_of_all_pictures_and_of_each_subset_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    one, two = rng.normal(size=(60, 4)), rng.normal(size=(50, 4))
    whole = kernel_distance(one, two, np.random.default_rng(3), size=20, subsets=5)
    monkeypatch.setattr("fertools.training.evaluation.fid._MOST_FOR_FULL_KERNEL", 55)
    parts = kernel_distance(one, two, np.random.default_rng(3), size=20, subsets=5)
    assert (parts.mean, parts.sd) == pytest.approx((whole.mean, whole.sd))


@pytest.mark.parametrize(("one", "two"), [((1, 3), (5, 3)), ((5, 3), (5, 4)), ((5,), (5, 3))])
def test_features_that_do_not_fit_are_refused(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two or more rows"):
        frechet_distance(np.zeros(one), np.zeros(two))
    with pytest.raises(ValueError, match="two or more rows"):
        kernel_distance(np.zeros(one), np.zeros(two), np.random.default_rng(0))


def test_identity_is_the_cosine_of_each_pair() -> None:
    parents = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    made = np.array([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert identity_preservation(parents, made) == pytest.approx([1, 0, -1])
    with pytest.raises(ValueError, match="shapes"):
        identity_preservation(parents, made[:2])
