from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.sources.grey_range import FULL, PER_IMAGE, GreyRange
from fertools.sources.images import read_image

COUNTS = np.array([[27_000, 28_500, 30_000], [31_500, 33_000, 40_000]], np.uint16)


def _grey(path: Path, grey_range: GreyRange | None = None) -> list[list[int]]:
    picture = read_image(path, grey_range)
    assert (picture == picture[..., :1]).all()
    return [list(row) for row in picture[..., 0].tolist()]


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
@pytest.mark.parametrize(
    ("grey_range", "levels"),
    [
        (GreyRange(27_000, 33_000), [[0, 64, 128], [191, 255, 255]]),
        (PER_IMAGE, [[0, 29, 59], [88, 118, 255]]),
        (FULL, [[105, 111, 117], [123, 128, 156]]),
        (None, [[105, 111, 117], [123, 128, 156]]),
    ],
)
def test_16_bit_counts_become_grey_levels(
    tmp_path: Path, name: str, grey_range: GreyRange | None, levels: list[list[int]]
) -> None:
    Image.fromarray(COUNTS).save(tmp_path / name)
    assert _grey(tmp_path / name, grey_range) == levels


def test_256_counts_keep_256_levels(tmp_path: Path) -> None:
    counts = (30_000 + np.arange(256, dtype=np.uint16)).reshape(16, 16)
    Image.fromarray(counts).save(tmp_path / "a.tiff")
    assert np.array_equal(np.ravel(_grey(tmp_path / "a.tiff", GreyRange(30_000, 30_255))), np.arange(256))


def test_pictures_of_8_bits_stay_as_they_are(tmp_path: Path) -> None:
    Image.fromarray(np.array([[3, 90], [120, 200]], np.uint8)).save(tmp_path / "a.tiff")
    assert _grey(tmp_path / "a.tiff", GreyRange(100, 150)) == [[3, 90], [120, 200]]


def test_a_picture_of_one_value_is_black(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 30_000, np.uint16)).save(tmp_path / "a.png")
    assert _grey(tmp_path / "a.png", PER_IMAGE) == [[0, 0], [0, 0]]


def test_temperatures_in_degrees_need_a_range_and_must_be_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    Image.fromarray(np.array([[20.0, 30.0, 40.0]], np.float32)).save(path)
    assert _grey(path, GreyRange(20, 40)) == [[0, 128, 255]]
    with pytest.raises(InputError, match="floating-point"):
        read_image(path)
    Image.fromarray(np.array([[20.0, np.nan]], np.float32)).save(path)
    with pytest.raises(InputError, match="no number"):
        read_image(path, PER_IMAGE)


@pytest.mark.parametrize("text", ["", "5", "9,3", "1,2,3", "nan,4", "0,inf", "images"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"`grey_range` is .*; give GreyRange\(LOW, HIGH\)"):
        GreyRange.parse(text)


@pytest.mark.parametrize(("low", "high"), [(9, 3), (5, None), (None, 5), (float("nan"), 4), (0, float("inf"))])
def test_values_that_are_no_range_are_refused(low: float | None, high: float | None) -> None:
    with pytest.raises(InputError, match="`grey_range` is from"):
        GreyRange(low, high)


@pytest.mark.parametrize("text", ["27000,33000", "0.5,36.75", "-1,2", "image", "full"])
def test_the_text_of_a_range_is_read_back(text: str) -> None:
    assert str(GreyRange.parse(text)) == text
