from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.errors import InputError
from fertools.faces.alignment import similarity, warp
from fertools.faces.centring import Centre, centre_square, covered_square, square_matrix
from fertools.faces.templates import template

sides = st.integers(1, 5000)
shares = st.floats(0, 1)


@given(sides, sides, shares, shares)
def test_the_square_is_the_largest_inside_the_picture(width: int, height: int, x: float, y: float) -> None:
    x1, y1, x2, y2 = centre_square(width, height, Centre(x, y)).tolist()
    assert x2 - x1 == y2 - y1 == min(width, height)
    assert min(x1, y1) >= 0
    assert x2 <= width
    assert y2 <= height


@pytest.mark.parametrize(
    ("centre", "box"),
    [((0.5, 0.5), [50, 0, 150, 100]), ((0.0, 0.5), [0, 0, 100, 100]), ((0.4, 0.9), [30, 0, 130, 100])],
)
def test_the_middle_is_where_it_is_wanted(centre: tuple[float, float], box: list[int]) -> None:
    assert centre_square(200, 100, Centre(*centre)).tolist() == box


def test_the_matrix_takes_the_square_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (60, 100, 3), dtype=np.uint8)
    box = centre_square(100, 60, Centre())
    np.testing.assert_array_equal(warp(picture, square_matrix(box, 60), 60), picture[:, 20:80])
    # Half the size is the mean of four pixels, so nothing aliases.
    halves = picture[:, 20:80].reshape(30, 2, 30, 2, 3).mean(axis=(1, 3))
    assert np.abs(warp(picture, square_matrix(box, 30), 30) - halves).max() <= 0.51


def test_an_aligned_crop_covers_the_square_that_it_shows() -> None:
    upright = template("tight") * 80 - 0.5 + [30, 40]
    np.testing.assert_allclose(covered_square(similarity(upright, "tight", 64), 64), [30, 40, 110, 120], atol=1e-3)


@pytest.mark.parametrize("place", [(0.5, -0.1), (float("nan"), 0.5), (1.5, 0.5)])
def test_what_is_no_centre_is_refused(place: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="two shares"):
        Centre(*place)
