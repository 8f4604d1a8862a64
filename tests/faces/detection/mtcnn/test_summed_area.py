from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from fertools.faces.detection.mtcnn.pooling import crop, shrink
from fertools.faces.detection.mtcnn.summed_area import AreaTable

sides = st.integers(1, 40)
seeds = st.integers(0, 2**31)


def noise(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def sums_of(table: AreaTable) -> Tensor:
    return torch.from_numpy(table.sums)


def pooled(picture: NDArray[np.uint8], height: int, width: int) -> Tensor:
    channels_first = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float64))
    return adaptive_avg_pool2d(channels_first, (height, width)).permute(1, 2, 0).float()


@given(sides, sides, sides, sides, seeds)
@settings(deadline=None, max_examples=50)
def test_shrinking_is_adaptive_average_pooling(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    pictures = [noise(seed, height, width, 3), noise(seed + 1, height, width, 3)]
    ours = shrink(sums_of(AreaTable.of(pictures)), rows, columns)
    for one, picture in zip(ours, pictures, strict=True):
        torch.testing.assert_close(one, pooled(picture, rows, columns), rtol=1e-6, atol=1e-5)


@given(sides, sides, st.integers(2, 40), seeds, st.data())
@settings(deadline=None, max_examples=50)
def test_some_rows_are_those_rows_of_the_whole(
    height: int, width: int, rows: int, seed: int, data: st.DataObject
) -> None:
    sums = sums_of(AreaTable.of([noise(seed, height, width, 3)]))
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    whole = shrink(sums, rows, 7, centre=127.5, span=128)
    assert torch.equal(shrink(sums, rows, 7, slice(first, last), centre=127.5, span=128), whole[:, first:last])


@given(seeds, st.sampled_from([1, 2, 24, 48]), st.integers(1, 12))
@settings(deadline=None, max_examples=50)
def test_crops_are_adaptive_average_pooling(seed: int, size_px: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 70, 2).tolist()
    pictures = [noise(seed + number, height, width, 3) for number in range(2)]
    which = rng.integers(0, 2, count)
    corner = rng.integers(0, [width, height], (count, 2))
    end = rng.integers(corner + 1, np.array([width, height]) + 1)
    boxes = np.concatenate([corner, end], axis=1)
    table = AreaTable.of(pictures)
    crops = crop(sums_of(table), table.windows(which, boxes), size_px)
    for one, number, (x1, y1, x2, y2) in zip(crops, which, boxes, strict=True):
        expected = pooled(pictures[number][y1:y2, x1:x2], size_px, size_px)
        torch.testing.assert_close(one, expected, rtol=1e-6, atol=1e-5)


def test_centre_and_span() -> None:
    table = AreaTable.of([noise(0, 30, 20, 3)])
    sums = sums_of(table)
    plain = shrink(sums, 7, 5)
    torch.testing.assert_close(shrink(sums, 7, 5, centre=127.5, span=128), (plain - 127.5) / 128)
    windows = table.windows(np.array([0]), np.array([[2, 3, 19, 29]]))
    plain = crop(sums, windows, 24)
    torch.testing.assert_close(crop(sums, windows, 24, centre=127.5, span=128), (plain - 127.5) / 128)


def test_no_crops_are_no_crops() -> None:
    table = AreaTable.of([noise(0, 5, 5, 3)])
    windows = table.windows(np.zeros(0, np.int64), np.zeros((0, 4), np.int64))
    assert crop(sums_of(table), windows, 24).shape == (0, 24, 24, 3)


@pytest.mark.parametrize("offset", [2**31 - 1000, -(2**31) - 1000])
def test_sums_may_wrap_around(offset: int) -> None:
    table = AreaTable.of([noise(0, 50, 60, 3)])
    sums = sums_of(table)
    wrapped = (sums.long() + offset).to(torch.int32)
    assert (wrapped.long() - sums != offset).any(), "nothing wraps in this picture"
    assert torch.equal(shrink(wrapped, 13, 17), shrink(sums, 13, 17))
    windows = table.windows(np.array([0]), np.array([[1, 2, 58, 49]]))
    assert torch.equal(crop(wrapped, windows, 24), crop(sums, windows, 24))


def test_a_white_picture_stays_white_beyond_two_to_the_31() -> None:
    # 3000 x 3000 x 255 is above 2^31: the table itself wraps.
    table = AreaTable.of([np.full((3000, 3000, 3), 255, dtype=np.uint8)])
    assert int(table.sums[0, -1, -1, 0]) < 0
    torch.testing.assert_close(shrink(sums_of(table), 20, 30), torch.full((1, 20, 30, 3), 255.0))
