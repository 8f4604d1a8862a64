"""Shrinking by area averages, at the cost of the result instead of the cost of the picture.

MTCNN's reference shrinks with adaptive average pooling: output pixel i of n averages the input pixels from
floor(i N / n) to ceil((i + 1) N / n) - 1. Done directly, that reads the whole picture once per pyramid level and
every crop pixel by pixel. A summed-area table is built once per picture; any such average is then four look-ups,
whether the bin holds two pixels or two thousand, and thousands of crops of different sizes are one gather.

The sums are whole numbers, so nothing is lost against the direct way: the results differ by float32 rounding only.

Source: Crow, "Summed-Area Tables for Texture Mapping", SIGGRAPH 1984.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Edges = tuple[Tensor, Tensor]
"""First and one-past-last pixel of bins along one side of a picture."""


@dataclass(frozen=True)
class AreaTable:
    """The summed-area tables of a stack of pictures of one size.

    Attributes:
        sums: (pictures, height + 1, width + 1, 3) int32. Sums over many millions of bright pixels wrap around, and
            so do their differences: modulo 2^32 the sum over a bin is right as long as it is below 2^31 itself,
            that is for bins of up to 8.4 million pixels.
    """

    sums: Tensor

    @classmethod
    def of(cls, pictures: Sequence[NDArray[np.uint8]], device: torch.device | None = None) -> AreaTable:
        """Build the tables of pictures (height, width, 3), all of one size."""
        tables = [torch.from_numpy(cv2.integral(picture, sdepth=cv2.CV_32S)) for picture in pictures]
        stack = tables[0][None] if len(tables) == 1 else torch.stack(tables)
        return cls(stack.to(device) if device is not None else stack)

    @property
    def height(self) -> int:
        """Height of the pictures in pixels."""
        return self.sums.shape[1] - 1

    @property
    def width(self) -> int:
        """Width of the pictures in pixels."""
        return self.sums.shape[2] - 1

    def shrink(
        self, height: int, width: int, rows: slice | None = None, *, centre: float = 0.0, span: float = 1.0
    ) -> Tensor:
        """Return the pictures resized to `height` x `width`, or some rows of that.

        Args:
            height: rows of the whole result.
            width: columns of the result.
            rows: which rows to compute; all by default.
            centre: subtracted from each average.
            span: what the difference is divided by.

        Returns:
            float32 of shape (pictures, rows, width, 3).
        """
        top, bottom = (edge[rows or slice(None)] for edge in self._edges(self.height, height))
        left, right = self._edges(self.width, width)
        # Rows first: whole rows are copied at the speed of memory, and what is left for the costly pick of columns
        # is as small as the result. The three colours are columns of their own, which keeps the innermost loops long.
        columns = _reciprocal(right - left) / span
        bands = _pick(self.sums, 1, bottom).sub_(_pick(self.sums, 1, top)).flatten(2)
        bins = _pick(bands, 2, _colours(right)).sub_(_pick(bands, 2, _colours(left)))
        means = bins.to(torch.float32).mul_(columns.repeat_interleave(3)).mul_(_reciprocal(bottom - top)[:, None])
        return means.sub_(centre / span).view(*means.shape[:2], width, 3)

    def windows(self, picture: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where boxes of the pictures are in the tables, for `crop`.

        Args:
            picture: (n,) which picture each box is of.
            boxes: (n, 4) x1, y1, x2, y2, all pixels from (x1, y1) to (x2 - 1, y2 - 1), inside the picture.

        Returns:
            (n, 4): the entry of `sums`, seen as one list, that holds the upper left corner; entries to a row; width
            and height of the box.
        """
        across = self.width + 1
        start = (picture * (self.height + 1) + boxes[:, 1]) * across + boxes[:, 0]
        sides = boxes[:, 2:] - boxes[:, :2]
        return np.column_stack([start, np.full_like(start, across), sides])

    def _edges(self, length: int, bins: int) -> tuple[Tensor, Tensor]:
        return edges_of(
            torch.tensor(length, device=self.sums.device), bins, torch.arange(bins, device=self.sums.device)
        )


def crop(sums: Tensor, windows: NDArray[np.int64], size_px: int, *, centre: float = 0.0, span: float = 1.0) -> Tensor:
    """Return windows of pictures, each resized to `size_px` x `size_px`.

    Args:
        sums: (..., 3) int32, the tables.
        windows: (n, 4) as the tables' `windows` gives them.
        size_px: side of the results; may be larger than a window.
        centre: subtracted from each average.
        span: what the difference is divided by.

    Returns:
        float32 of shape (n, size_px, size_px, 3).
    """
    start, across, width, height = torch.from_numpy(windows).to(sums.device).unbind(1)
    steps = torch.arange(size_px, device=sums.device)
    rows, columns = (edges_of(side[:, None], size_px, steps) for side in (height, width))
    return bin_means(sums.reshape(-1, 3), start, across, rows, columns, span).sub_(centre / span)


def edges_of(length: Tensor, count: int, index: Tensor) -> Edges:
    """Return first and one-past-last pixel of bins `index` when `length` pixels are averaged into `count`."""
    first = (index * length).div(count, rounding_mode="floor")
    return first, -((-(index + 1) * length).div(count, rounding_mode="floor"))


def bin_means(sums: Tensor, start: Tensor, across: Tensor, rows: Edges, columns: Edges, span: float = 1.0) -> Tensor:
    """Return averages over grids of bins, each grid in a table of its own.

    Args:
        sums: (m, 3) int32, tables of sums row by row, one after the other.
        start: (n,) int64, where in `sums` pixel (0, 0) of each grid is.
        across: (n,) int64, entries to a row of its table.
        rows: first and one-past-last row of the bins, (n, k) int64 each, counted from `start`.
        columns: likewise.
        span: what the averages are divided by.

    Returns:
        float32 of shape (n, k, k, 3).
    """
    (top, bottom), (left, right) = rows, columns
    # All four corners of all bins of all grids in one gather: (n, 2, k, 2, k, 3).
    down = (start[:, None, None] + torch.stack([bottom, top], 1) * across[:, None, None])[..., None, None]
    corners = _pick(sums, 0, down + torch.stack([right, left], 1)[:, None, None]).flatten(4)
    bands = corners[:, 0] - corners[:, 1]
    parts = bands[:, :, 0] - bands[:, :, 1]
    wide = (_reciprocal(right - left) / span).repeat_interleave(3, dim=1)
    means = parts.to(torch.float32).mul_(wide[:, None]).mul_(_reciprocal(bottom - top)[..., None])
    return means.view(*means.shape[:2], left.shape[1], 3)


def _colours(columns: Tensor) -> Tensor:
    """Return columns of pixels as columns of numbers, three to a pixel."""
    return (columns[:, None] * 3 + torch.arange(3, device=columns.device)).flatten()


def _pick(source: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of `source` along `dim` at `index`, whose shape takes that dimension's place."""
    if source.device.type == "cpu":
        # numpy copies runs of three numbers about twice as fast as torch does.
        return torch.from_numpy(np.take(source.numpy(), index.numpy(), axis=dim))
    picked = source.index_select(dim, index.flatten())
    return picked.view(*source.shape[:dim], *index.shape, *source.shape[dim + 1 :])


def _reciprocal(count: Tensor) -> Tensor:
    return count.to(torch.float32).reciprocal()
