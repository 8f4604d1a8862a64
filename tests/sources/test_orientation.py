"""Orientation is what ffmpeg and Pillow make of the same metadata."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fertools.annotations.playable import make_copy, original_if_playable
from fertools.core.workspace import Workspace
from fertools.sources.images import read_image
from fertools.sources.orientation import Orientation
from fertools.sources.videos import FrameReader
from tests.conftest import write_clip
from tests.sources.ffmpeg import first_frame

QUARTERS = {
    "as stored": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "flipped": (1, 0, 0, -1),
    "half a turn": (-1, 0, 0, -1),
    "a quarter clockwise": (0, 1, -1, 0),
    "a quarter back": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
}
OTHERS = {
    "by 30 degrees": (0.866, 0.5, -0.5, 0.866),
    "by one degree": (0.99985, 0.01745, -0.01745, 0.99985),
    "twice as large": (2, 0, 0, 2),
    "half as large and mirrored": (-0.5, 0, 0, 0.5),
    "sheared": (1, 0, 0.5, 1),
    "to a line": (1, 0, 0, 0),
    "to nothing": (0, 0, 0, 0),
}


def _picture(height: int = 48, width: int = 80) -> NDArray[np.uint8]:
    """A picture that no turn or mirror leaves the same, without fine detail that codecs lose."""
    down, across = np.mgrid[:height, :width]
    channels = (200 * across / width, 200 * down / height, 120 * (across > down))
    return np.stack(channels, axis=2).astype(np.uint8)


def _with_matrix(mp4: bytes, matrix: tuple[float, float, float, float]) -> bytes:
    """Return an MP4 whose track is shown by a matrix a, b, c, d (ISO 14496-12, `tkhd`)."""
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (round(number * (1 << 16)) for number in matrix)
    start = mp4.index(plain, mp4.index(b"tkhd"))
    return mp4[:start] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + mp4[start + len(plain) :]


def _clip(folder: Path, matrix: tuple[float, float, float, float]) -> Path:
    path = write_clip(folder / "a.mp4", [_picture()] * 2)
    path.write_bytes(_with_matrix(path.read_bytes(), matrix))
    return path


def _distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("name", [*QUARTERS, *OTHERS])
def test_a_video_is_shown_as_ffmpeg_shows_it(tmp_path: Path, name: str) -> None:
    path = _clip(tmp_path, {**QUARTERS, **OTHERS}[name])
    rgb = next(iter(FrameReader(path))).rgb
    assert rgb.flags.c_contiguous
    expected = first_frame(path)
    assert rgb.shape == expected.shape
    # The median, since ffmpeg turns colours at half the size, which frays the edges of a turn by other angles.
    assert np.median(np.abs(rgb.astype(int) - expected)) < 2


@pytest.mark.parametrize("name", QUARTERS)
def test_raters_see_a_video_the_same_way_up(tmp_path: Path, name: str) -> None:
    """Browsers follow quarter turns of a file itself; whatever mirrors is copied upright."""
    path = _clip(tmp_path, QUARTERS[name])
    is_turn = np.linalg.det(np.reshape(QUARTERS[name], (2, 2))) > 0
    assert (original_if_playable(path) is not None) == is_turn
    copied = next(iter(FrameReader(make_copy(Workspace(tmp_path), "s", path).path))).rgb
    assert _distance(copied, next(iter(FrameReader(path))).rgb) < 4


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_eight_values_of_exif_are_those_of_a_second_implementation(tag: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    stored = io.BytesIO()
    Image.fromarray(_picture()).save(stored, "png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(stored)))
    np.testing.assert_array_equal(Orientation.of_exif(tag).apply(_picture()), expected)


@pytest.mark.parametrize("tag", [None, 0, 9, -1, "6", b"6", 6.0, (6, 1)])
def test_other_values_of_exif_change_nothing(tag: object) -> None:
    assert Orientation.of_exif(tag) == Orientation()


def _odd_exif(tag: int, kind: int, value: bytes) -> bytes:
    """Return EXIF that asks for a quarter turn and has one more tag, of a type that it must not have."""
    count = len(value) // {2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8, 13: 4}[kind]
    turn = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    other = struct.pack("<HHI", tag, kind, count) + value[:4].ljust(4, b"\0")
    entries = [entry for _, entry in sorted([(0x0112, turn), (tag, other)])]
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + b"".join(entries) + struct.pack("<I", 0)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        (0x011A, 2, b"72\0\0"),  # XResolution, a fraction, in letters
        (0x0132, 3, b"\x05\0"),  # DateTime, letters, as a number
        (0x0100, 2, b"64\0\0"),  # ImageWidth in letters
        (0x0128, 2, b"2\0"),  # ResolutionUnit in letters
        (0x8769, 2, b"no\0\0"),  # the place of another list, in letters
        (0x8769, 4, b"\xff\xff\xff\x7f"),  # and far beyond the end
        (0x8825, 13, b"\x08\0\0\0"),  # a list that is its own parent
    ],
)
def test_odd_exif_beside_the_orientation_does_no_harm(
    tmp_path: Path, suffix: str, tag: int, kind: int, value: bytes
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(_picture()).save(path, exif=_odd_exif(tag, kind, value), quality=95, lossless=True)
    assert _distance(read_image(path), np.ascontiguousarray(np.rot90(_picture(), -1))) < 6


@pytest.mark.parametrize("tag", [0x011A, 0x0128, 0x0132, 0x8769])
def test_odd_tags_of_a_tiff_do_no_harm(tmp_path: Path, tag: int) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(_picture()).save(path, tiffinfo={0x0112: 6, 0x0131: "letters"})
    path.write_bytes(path.read_bytes().replace(struct.pack("<HH", 0x0131, 2), struct.pack("<HH", tag, 2)))
    assert _distance(read_image(path), np.ascontiguousarray(np.rot90(_picture(), -1))) == 0


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0??", b"x"])
def test_exif_that_cannot_be_read_leaves_the_picture_as_stored(tmp_path: Path, exif: bytes) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(_picture()).save(path, exif=exif, quality=95)
    assert _distance(read_image(path), _picture()) < 6
