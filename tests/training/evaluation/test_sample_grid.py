"""Sample grids: every image is below its heading and beside its label, pixel for pixel."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.training.evaluation.sample_grid import Grid, draw_grids


def plain(value: int, side: int) -> NDArray[np.uint8]:
    return np.full((side, side, 3), (value, 255 - value, 7), np.uint8)


def open_grid(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize(("side", "factor"), [(16, 6), (64, 2), (96, 1), (128, 1)])
def test_each_picture_is_there_once_enlarged_whole_and_in_its_place(side: int, factor: int) -> None:
    cells = [[plain(10 * (3 * row + column + 1), side) for column in range(3)] for row in range(2)]
    grid = open_grid(draw_grids([Grid(["input", "anger", "fear"], ["p01\nfear", "p02\nanger"], cells)]))
    corners = {}
    for row, column in itertools.product(range(2), range(3)):
        found = np.argwhere((grid == cells[row][column][0, 0]).all(axis=2))
        assert len(found) == (side * factor) ** 2
        assert (np.ptp(found, axis=0) == side * factor - 1).all(), "one square"
        corners[row, column] = found.min(axis=0)
    assert corners[0, 0][0] == corners[0, 2][0] < corners[1, 0][0]
    assert corners[0, 0][1] == corners[1, 0][1] < corners[0, 1][1] < corners[0, 2][1]


def test_enlarging_smooths_nothing() -> None:
    rng = np.random.default_rng(0)
    cell = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    grid = open_grid(draw_grids([Grid(["input"], [""], [[cell]])]))
    large = cell.repeat(3, axis=0).repeat(3, axis=1)
    top, left = next(
        (y, x)
        for y, x in itertools.product(range(grid.shape[0] - 95), range(grid.shape[1] - 95))
        if (grid[y, x] == large[0, 0]).all() and (grid[y + 95, x + 95] == large[-1, -1]).all()
    )
    np.testing.assert_array_equal(grid[top : top + 96, left : left + 96], large)


def test_words_are_drawn_and_long_ones_do_not_leave_the_sheet() -> None:
    cell = [[plain(100, 96)]]
    without = open_grid(draw_grids([Grid([""], ["\n"], cell)]))
    headed = open_grid(draw_grids([Grid(["anger"], ["\n"], cell)]))
    labelled = open_grid(draw_grids([Grid([""], ["a-subject-with-a-very-long-name\nfear"], cell)]))
    assert (headed != without).any(axis=2)[:26].any()
    assert not (headed != without).any(axis=2)[26:].any()
    ink = np.argwhere((labelled != without).any(axis=2))
    assert ink[:, 0].min() >= 26
    assert ink[:, 1].min() > 0
    assert ink[:, 1].max() < 120


def test_grids_stand_one_below_another_as_they_stand_alone() -> None:
    """That of a domain is what it would be without the others, and white is beside a narrower one."""
    wide = Grid(["input", "anger"], ["p01\nfear"], [[plain(10, 96), plain(20, 96)]])
    narrow = Grid(["input"], ["p02\nfear", "p03\nanger"], [[plain(30, 64)], [plain(40, 64)]])
    both, first, second = (open_grid(draw_grids(grids)) for grids in ([wide, narrow], [wide], [narrow]))
    assert both.shape == (first.shape[0] + second.shape[0], first.shape[1], 3)
    np.testing.assert_array_equal(both[: len(first)], first)
    np.testing.assert_array_equal(both[len(first) :, : second.shape[1]], second)
    assert (both[len(first) :, second.shape[1] :] == 255).all()
