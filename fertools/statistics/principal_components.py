"""Principal components of wide data that do not fit into memory, batch by batch.

The components so far, scaled by their singular values, stand for all rows so far. Each batch is put below them, and the
components of both are found. A batch has few rows and very many columns, so this takes the eigenvectors of the small
matrix of products of rows. scikit-learn's `IncrementalPCA` takes a singular value decomposition of the wide matrix,
which for 193,600 columns is more than ten times slower.

Source: Ross, Lim, Lin and Yang, "Incremental Learning for Robust Visual Tracking" (2008), section 3.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_BLOCK = 2**14
"""Columns that are multiplied at a time, in double precision."""
_ROUNDING = 1e-10
"""A component with less than this share of the largest variance is rounding."""


class PrincipalComponents:
    """The first principal components of rows that come in batches.

    Args:
        count: largest number of components.

    Attributes:
        components: K x D orthonormal rows, the largest variance first; K grows up to `count`.
        mean: the mean of D columns.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> line = rng.normal(size=(40, 1)) * np.float32([3, 4])
        >>> found = PrincipalComponents(1)
        >>> found.add(line[:20]); found.add(line[20:])
        >>> np.round(np.abs(found.components), 3).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._rows = 0
        self._scales = np.zeros(0)
        self.components: Floats = np.zeros((0, 0), np.float32)
        self.mean: Floats = np.zeros(0, np.float32)

    def add(self, batch: Floats) -> None:
        """Take N x D further rows into account."""
        rows, centre = len(batch), batch.mean(axis=0, dtype=np.float64)
        if self._rows:
            total = self._rows + rows
            # One row more accounts for the difference between the means of both parts.
            moved = np.sqrt(self._rows * rows / total) * (self.mean - centre)
            known = self._scales[:, None] * self.components
            stacked = np.concatenate([known, batch - centre, moved[None]]).astype(np.float32)
            self.mean = np.asarray(self.mean + (centre - self.mean) * rows / total, np.float32)
        else:
            stacked, self.mean = (batch - centre).astype(np.float32), centre.astype(np.float32)
        self._rows += rows
        products = np.zeros((len(stacked), len(stacked)))
        for start in range(0, stacked.shape[1], _BLOCK):
            block = stacked[:, start : start + _BLOCK].astype(np.float64)
            products += block @ block.T
        variances, vectors = np.linalg.eigh(products)
        largest = np.arange(len(variances))[::-1][: self._count]
        kept = largest[variances[largest] > _ROUNDING * max(variances[-1], np.finfo(float).tiny)]
        self._scales = np.sqrt(variances[kept])
        self.components = ((vectors[:, kept] / self._scales).T.astype(np.float32)) @ stacked

    def transform(self, batch: Floats) -> Floats:
        """Return the N x K components of N x D rows."""
        return np.asarray((batch - self.mean) @ self.components.T, np.float32)
