from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.core.errors import InputError
from fertools.sources.content import kind_of
from fertools.sources.images import read_image


@pytest.fixture
def colours() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "bmp", "webp"])
def test_lossless_formats_give_the_same_pixels(tmp_path: Path, colours: NDArray[np.uint8], suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(colours).save(path, lossless=True)
    np.testing.assert_array_equal(read_image(path), colours)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg"])
def test_jpeg_is_close(tmp_path: Path, suffix: str) -> None:
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 3, axis=2).repeat(32, axis=0)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}", quality=95)
    assert np.abs(read_image(tmp_path / f"a.{suffix}").astype(int) - ramp).max() < 8


def test_grey_becomes_three_equal_channels(tmp_path: Path, colours: NDArray[np.uint8]) -> None:
    Image.fromarray(colours[..., 0]).save(tmp_path / "a.pgm")
    read = read_image(tmp_path / "a.pgm")
    for channel in range(3):
        np.testing.assert_array_equal(read[..., channel], colours[..., 0])


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_by_their_full_range(tmp_path: Path, suffix: str) -> None:
    wide = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    path = tmp_path / f"a.{suffix}"
    if suffix == "pgm":
        path.write_bytes(b"P5 4 1 65535\n" + wide.astype(">u2").tobytes())
    else:
        Image.fromarray(wide).save(path)
    np.testing.assert_array_equal(read_image(path)[0, :, 0], [0, 1, 128, 255])


def test_transparent_parts_show_white(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], [[10, 20, 30], [255, 255, 255]])


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colours_are_scaled_too(tmp_path: Path, suffix: str, channels: int) -> None:
    wide = np.random.default_rng(2).integers(0, 65536, (12, 20, channels)).astype(np.uint16)
    wide[..., 3:] = 65535
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), wide[..., [2, 1, 0, 3][:channels]])
    # Pillow drops the lower byte instead of rounding.
    assert np.abs(read_image(tmp_path / f"a.{suffix}").astype(float) - wide[..., :3] / 257).max() <= 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"P2 3 1 255\n0 7 200\n", [0, 7, 200]),
        (b"P5 3 1 15\n\x00\x05\x0f", [0, 85, 255]),
        (b"P5 3 1 1023\n\x00\x00\x02\x00\x03\xff", [0, 128, 255]),
    ],
)
def test_pgm_in_words_and_of_any_range(tmp_path: Path, content: bytes, expected: list[int]) -> None:
    (tmp_path / "a.pgm").write_bytes(content)
    np.testing.assert_allclose(read_image(tmp_path / "a.pgm")[0, :, 0], expected, atol=1)


def test_a_palette_gives_its_colours_and_its_gap_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (3, 1))
    picture.putpalette([250, 0, 0, 0, 120, 0, 0, 0, 60])
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / "a.png", transparency=1)
    assert read_image(tmp_path / "a.png")[0].tolist() == [[250, 0, 0], [255, 255, 255], [0, 0, 60]]


@pytest.mark.parametrize(("mode", "white", "black"), [("1", 1, 0), ("L", 255, 0), ("LA", (255, 255), (0, 255))])
def test_grey_of_all_kinds(tmp_path: Path, mode: str, white: float, black: float) -> None:
    picture = Image.new(mode, (2, 1), white)
    picture.putpixel((1, 0), black)
    picture.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0].tolist() == [[255] * 3, [0] * 3]


def test_printing_colours_become_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red, green, blue = read_image(tmp_path / "a.jpg")[8, 8].tolist()
    assert red > 200 > 60 > max(green, blue)


def test_floating_point_pixels_are_refused_with_a_way_out(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="convert it to 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: np.rot90(a, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_orientation_metadata_is_applied(
    tmp_path: Path, orientation: int, upright: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], suffix: str
) -> None:
    quarters = np.zeros((32, 64, 3), dtype=np.uint8)
    quarters[:16, :32], quarters[:16, 32:], quarters[16:, :32] = 240, 160, 80
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(quarters).save(tmp_path / f"a.{suffix}", exif=exif, quality=95)
    read, expected = read_image(tmp_path / f"a.{suffix}"), upright(quarters)
    assert read.shape == expected.shape
    # The middles of the quarters, away from what lossy formats do at edges.
    assert np.abs(read[8::16, 8::16].astype(int) - expected[8::16, 8::16]).max() < 6


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_not_a_picture_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png"):
        read_image(tmp_path / "a.png")


def test_a_picture_cut_off_is_refused(tmp_path: Path) -> None:
    big = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(big).save(tmp_path / "whole.jpg")
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"a\.jpg"):
        read_image(tmp_path / "a.jpg")


def test_an_implausibly_large_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(np.zeros((20, 20, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="too many pixels"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("suffix", "package"), [("heic", "pillow_heif"), ("jxl", "pillow_jxl")])
def test_formats_of_optional_packages(
    tmp_path: Path, colours: NDArray[np.uint8], suffix: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = importlib.import_module(package)
    if suffix == "heic":
        plugin.register_heif_opener()
    large = cv2.resize(colours, (160, 96), interpolation=cv2.INTER_NEAREST)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(large).save(path, quality=95)
    assert kind_of(path) == "image"
    read = read_image(path)
    assert read.shape == (96, 160, 3)
    assert np.abs(read.astype(int) - large).mean() < 12
    # Pillow as it is without the package.
    known = {name: opener for name, opener in Image.OPEN.items() if not name.startswith(("HEIF", "JXL"))}
    monkeypatch.setattr(Image, "OPEN", known)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name in known])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"pip install 'fertools\[{suffix}\]'"):
        read_image(path)
