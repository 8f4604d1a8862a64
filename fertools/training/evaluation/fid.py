"""How near made pictures are to real ones, from features of both; which features, the caller chooses and names.

Distances are of the features' network: those of two runs can be compared where both are of the same features, and with
published ones only where these are the published ones (`fertools.training.networks.inception`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_FOR_FULL_KERNEL = 5000
"""Pictures per side of which all kernels are held at a time."""
Floats = NDArray[np.float64]


def frechet_distance(real: NDArray[np.floating], generated: NDArray[np.floating]) -> float:
    """Return the Fréchet distance of two Gaussians fitted to features (FID, where these are of Inception).

    It is biased upwards, the more the fewer pictures there are: compare equal numbers of them.

    Args:
        real: N x D features, N at least 2.
        generated: M x D features, M at least 2.

    Raises:
        ValueError: too few rows, or unequal numbers of features.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017), equation 6. The trace of the root of
    the product of covariances is the sum of the singular values of A Bᵀ, where AᵀA and BᵀB are the covariances; that
    needs no root of a matrix and stays exact where there are fewer pictures than features.
    """
    one, two = _features(real, generated)
    roots = [_root(side) for side in (one, two)]
    shared = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    total_variance = sum(float((root**2).sum()) for root in roots)
    return float(((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum()) + total_variance - 2 * shared


def _root(features: Floats) -> Floats:
    """Return R with RᵀR the covariance, of no more rows than there are features."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(centred) > centred.shape[1] else np.asarray(centred)


@dataclass(frozen=True)
class KernelDistance:
    """The kernel distance over subsets.

    Attributes:
        mean: over the subsets; about 0 for pictures of one kind, and possibly below.
        sd: standard deviation over them.
        size: pictures per subset and side.
    """

    mean: float
    sd: float
    size: int


def kernel_distance(
    real: NDArray[np.floating],
    generated: NDArray[np.floating],
    rng: np.random.Generator,
    *,
    size: int = 1000,
    subsets: int = 100,
) -> KernelDistance:
    """Return the squared maximum mean discrepancy with the kernel (x·y / D + 1)³, unbiased (KID).

    Unlike the Fréchet distance it does not grow as pictures become few.

    Args:
        real: N x D features.
        generated: M x D features.
        rng: chooses the subsets.
        size: pictures per subset and side; all there are if fewer.
        subsets: how many.

    Raises:
        ValueError: too few rows, or unequal numbers of features.

    Source: Bińkowski et al., "Demystifying MMD GANs" (2018), section 4.
    """
    one, two = _features(real, generated)
    size = min(size, len(one), len(two))
    # Of pictures that are few enough, all kernels are computed once, and subsets picked out of them.
    whole = max(len(one), len(two)) <= _MOST_FOR_FULL_KERNEL
    kernels = (_cubic(one, one), _cubic(two, two), _cubic(one, two)) if whole else None
    values = []
    for _ in range(subsets):
        left, right = (rng.choice(len(side), size, replace=False) for side in (one, two))
        if kernels is not None:
            pairs = ((left, left), (right, right), (left, right))
            parts = [kernel[np.ix_(*rows)] for kernel, rows in zip(kernels, pairs, strict=True)]
        else:
            x, y = one[left], two[right]
            parts = [_cubic(x, x), _cubic(y, y), _cubic(x, y)]
        within = sum((kernel.sum() - np.trace(kernel)) / (size * (size - 1)) for kernel in parts[:2])
        values.append(within - 2 * parts[2].mean())
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def _cubic(x: Floats, y: Floats) -> Floats:
    kernel: Floats = (x @ y.T / x.shape[1] + 1) ** 3
    return kernel


def identity_preservation(parents: NDArray[np.floating], generated: NDArray[np.floating]) -> Floats:
    """Return the cosines of the embeddings of N faces and of what was made of them.

    Args:
        parents: N x D embeddings by a network that knows people.
        generated: N x D, of the made faces in the same order.

    Raises:
        ValueError: other shapes.
    """
    one, two = np.asarray(parents, np.float64), np.asarray(generated, np.float64)
    if one.shape != two.shape or one.ndim != 2:
        raise ValueError(f"embeddings of parents and of made faces have the shapes {one.shape} and {two.shape}")
    cosines: Floats = (one * two).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1))
    return cosines


def _features(real: NDArray[np.floating], generated: NDArray[np.floating]) -> tuple[Floats, Floats]:
    one, two = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1] or min(len(one), len(two)) < 2:
        raise ValueError(
            f"two or more rows of equally many features are needed on each side, not {one.shape} and {two.shape}"
        )
    return one, two
