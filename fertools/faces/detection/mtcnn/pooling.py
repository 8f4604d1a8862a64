"""Area averaging in torch, on any device: the input of the networks of `TorchEngine`.

See `summed_area` for the tables and the definition of an average. The functions take the tables of `AreaTable` or
`Patches` as tensors on the device.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.faces.detection.mtcnn.patches import Patches

Edges = tuple[Tensor, Tensor]
"""First and one-past-last pixel of bins along one side of a picture."""


def shrink(
    sums: Tensor, height: int, width: int, rows: slice | None = None, *, centre: float = 0.0, span: float = 1.0
) -> Tensor:
    """Return whole pictures resized to `height` x `width`, or some rows of the result.

    Args:
        sums: sums of an `AreaTable`.
        height: rows of the whole result.
        width: columns of the result.
        rows: rows to compute; None for all.
        centre: number to subtract from each average.
        span: divisor of the difference.

    Returns:
        float32 of shape (pictures, rows, width, 3).
    """
    top, bottom = (edge[rows or slice(None)] for edge in _all_edges(sums.shape[1] - 1, height, sums.device))
    left, right = _all_edges(sums.shape[2] - 1, width, sums.device)
    # Rows first: copying whole rows is fast, and the slow selection of columns then works on a small array. The three
    # colours are columns of their own, which keeps the innermost loops long.
    columns = _reciprocal(right - left) / span
    bands = _pick(sums, 1, bottom).sub_(_pick(sums, 1, top)).flatten(2)
    bins = _pick(bands, 2, _colours(right)).sub_(_pick(bands, 2, _colours(left)))
    means = bins.to(torch.float32).mul_(columns.repeat_interleave(3)).mul_(_reciprocal(bottom - top)[:, None])
    return means.sub_(centre / span).view(*means.shape[:2], width, 3)


def _all_edges(length: int, bins: int, device: torch.device) -> Edges:
    return edges_of(torch.tensor(length, device=device), bins, torch.arange(bins, device=device))


def crop(sums: Tensor, windows: NDArray[np.int64], size_px: int, *, centre: float = 0.0, span: float = 1.0) -> Tensor:
    """Return windows of pictures, each resized to `size_px` x `size_px`.

    Args:
        sums: the tables.
        windows: (n, 4) windows from the `windows` method of the tables.
        size_px: side of the results; may be larger than a window.
        centre: number to subtract from each average.
        span: divisor of the difference.

    Returns:
        float32 of shape (n, size_px, size_px, 3).
    """
    start, across, width, height = torch.from_numpy(windows).to(sums.device).unbind(1)
    steps = torch.arange(size_px, device=sums.device)
    rows, columns = (edges_of(side[:, None], size_px, steps) for side in (height, width))
    return bin_means(sums.reshape(-1, 3), start, across, rows, columns, span).sub_(centre / span)


def shrink_squares(
    sums: Tensor,
    patches: Patches,
    part: NDArray[np.int64],
    levels: NDArray[np.int64],
    corners: NDArray[np.int64],
    size_px: int,
    *,
    centre: float = 0.0,
    span: float = 1.0,
) -> Tensor:
    """Return squares of frames, cut from the results of `shrink`.

    Args:
        sums: sums of `patches`.
        patches: parts of the frames.
        part: (n,) part from which each square is read; beyond a part, its edge is repeated.
        levels: (n, 2) width and height of the resized frame.
        corners: (n, 2) x and y of the square in the resized frame.
        size_px: side of the squares.
        centre: number to subtract from each average.
        span: divisor of the difference.

    Returns:
        float32 of shape (n, size_px, size_px, 3).
    """
    edges = patches.edges[part]
    steps = np.arange(size_px)
    sides: list[Edges] = []
    for axis, length in ((1, patches.height), (0, patches.width)):
        count = levels[:, axis, None]
        low, high = edges[:, axis, None], edges[:, axis + 2, None]
        index = np.minimum(corners[:, axis, None] + steps, count - 1)
        first = (index * length // count).clip(low, high - 1)
        last = (-(-(index + 1) * length // count)).clip(first + 1, high)
        sides.append((_beside(sums, first - low), _beside(sums, last - low)))
    first, across = _beside(sums, patches.first[part]), _beside(sums, patches.across[part])
    return bin_means(sums, first, across, sides[0], sides[1], span).sub_(centre / span)


def edges_of(length: Tensor, count: int, index: Tensor) -> Edges:
    """Return first and one-past-last pixel of the bins `index` if `length` pixels are averaged into `count`."""
    first = (index * length).div(count, rounding_mode="floor")
    return first, -((-(index + 1) * length).div(count, rounding_mode="floor"))


def bin_means(sums: Tensor, start: Tensor, across: Tensor, rows: Edges, columns: Edges, span: float = 1.0) -> Tensor:
    """Return averages over grids of bins, each grid in its own table.

    Args:
        sums: (m, 3) int32, summed-area tables row by row, one after another.
        start: (n,) int64, index in `sums` of pixel (0, 0) of each grid.
        across: (n,) int64, entries per row of the table.
        rows: first and one-past-last row of the bins, (n, k) int64 each, counted from `start`.
        columns: first and one-past-last column of the bins, (n, k) int64 each.
        span: divisor of the averages.

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
    """Return columns of pixels as columns of numbers, three per pixel."""
    return (columns[:, None] * 3 + torch.arange(3, device=columns.device)).flatten()


def _pick(source: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of `source` along `dim` at `index`, whose shape takes that dimension's place."""
    if source.device.type == "cpu":
        # NumPy copies runs of three numbers about twice as fast as torch.
        return torch.from_numpy(np.take(source.numpy(), index.numpy(), axis=dim))
    picked = source.index_select(dim, index.flatten())
    return picked.view(*source.shape[:dim], *index.shape, *source.shape[dim + 1 :])


def _beside(sums: Tensor, numbers: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers, dtype=np.int64)).to(sums.device)


def _reciprocal(count: Tensor) -> Tensor:
    return count.to(torch.float32).reciprocal()
