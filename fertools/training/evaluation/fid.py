"""FID, KID and identity preservation, computed from the features of a network.

Two distances can be compared only if both use the same features. Published distances use the features of the first
release of Inception (`fertools.training.networks.inception`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_FOR_FULL_KERNEL = 5000
"""Largest number of images per side for which all kernel values are kept in memory."""
Floats = NDArray[np.float64]


def frechet_distance(real: NDArray[np.floating], generated: NDArray[np.floating]) -> float:
    """Return the Fréchet distance of two Gaussians fitted to features (FID, with the features of Inception).

    It is biased upwards, and more so with fewer images. So compare it only between equal numbers of images.

    Args:
        real: N x D features of real images, N at least 2.
        generated: M x D features of generated images, M at least 2.

    Raises:
        ValueError: there are too few rows, or the numbers of features differ.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017), equation 6. The covariances are AᵀA
    and BᵀB. The trace of the root of their product is the sum of the singular values of A Bᵀ. This needs no root of a
    matrix, and it stays exact with fewer images than features.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(frechet_distance(features, features + 1), 6)
        4.0
    """
    one, two = _features(real, generated)
    roots = [_root(side) for side in (one, two)]
    shared = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    total_variance = sum(float((root**2).sum()) for root in roots)
    return float(((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum()) + total_variance - 2 * shared


def _root(features: Floats) -> Floats:
    """Return R with at most D rows, where RᵀR is the covariance of N x D features."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(centred) > centred.shape[1] else np.asarray(centred)


@dataclass(frozen=True)
class KernelDistance:
    """The kernel distance over random subsets.

    Attributes:
        mean: mean over the subsets; about 0 for images of one distribution, and possibly negative.
        sd: standard deviation over the subsets.
        size: images per subset and side.
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

    Unlike the Fréchet distance, it is not biased with few images.

    Args:
        real: N x D features of real images.
        generated: M x D features of generated images.
        rng: random generator that chooses the subsets.
        size: images per subset and side; all images if there are fewer.
        subsets: number of subsets.

    Raises:
        ValueError: there are too few rows, or the numbers of features differ.

    Source: Bińkowski et al., "Demystifying MMD GANs" (2018), section 4.
    """
    one, two = _features(real, generated)
    size = min(size, len(one), len(two))
    # With few images, all kernel values are computed once, and the subsets select from them.
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
    """Return the cosine similarity of N generated faces to their parents.

    Args:
        parents: N x D embeddings of the parents by a face recognition network.
        generated: N x D embeddings of the generated faces, in the same order.

    Raises:
        ValueError: the shapes differ, or are not N x D.
    """
    one, two = np.asarray(parents, np.float64), np.asarray(generated, np.float64)
    if one.shape != two.shape or one.ndim != 2:
        raise ValueError(f"embeddings of parents and of generated faces have the shapes {one.shape} and {two.shape}")
    cosines: Floats = (one * two).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1))
    return cosines


def _features(real: NDArray[np.floating], generated: NDArray[np.floating]) -> tuple[Floats, Floats]:
    one, two = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1] or min(len(one), len(two)) < 2:
        raise ValueError(
            f"each side needs two or more rows with the same number of features, not {one.shape} and {two.shape}"
        )
    return one, two
