"""Animated pictures are videos with the times that they state; pages are counted."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.sources.animations import AnimationReader, count_pages, read_video
from fertools.sources.images import read_image
from fertools.sources.sampling import Sampling
from fertools.sources.videos import BrokenVideoError
from tests.sources.formats import ANIMATIONS, DURATIONS_MS, Pixels, write_animation, write_pages

TIMES_S = [ms / 1000 for ms in accumulate(DURATIONS_MS[:-1], initial=0)]


@pytest.fixture(scope="module")
def frames() -> list[Pixels]:
    return [np.full((48, 64, 3), (60 * number, 30, 200 - 50 * number), np.uint8) for number in range(4)]


@pytest.mark.parametrize("name", ANIMATIONS)
def test_frames_have_the_times_that_their_durations_say(tmp_path: Path, frames: list[Pixels], name: str) -> None:
    write_animation(tmp_path / name, frames, ANIMATIONS[name])
    read = list(read_video(tmp_path / name))
    assert [frame.index for frame in read] == [0, 1, 2, 3]
    assert [frame.pts_s for frame in read] == pytest.approx(TIMES_S)
    for frame, drawn in zip(read, frames, strict=True):
        assert np.abs(frame.rgb.astype(int) - drawn).max() < 8


@pytest.mark.parametrize("name", ANIMATIONS)
def test_animations_are_sampled_as_videos_are(tmp_path: Path, frames: list[Pixels], name: str) -> None:
    write_animation(tmp_path / name, frames, ANIMATIONS[name])

    def indices(sampling: Sampling) -> list[int]:
        return [frame.index for frame in read_video(tmp_path / name, sampling=sampling)]

    assert indices(Sampling(every=2)) == [0, 2]
    assert indices(Sampling(start_s=Fraction(1, 25), end_s=Fraction(3, 10))) == [1, 2]
    assert indices(Sampling(indices=frozenset({3}))) == [3]


def test_frames_without_a_duration_are_shown_for_a_tenth_of_a_second(tmp_path: Path, frames: list[Pixels]) -> None:
    """As browsers and FFmpeg's reader of GIF do; else all would have one time."""
    first, *more = map(Image.fromarray, frames)
    first.save(tmp_path / "a.webp", save_all=True, append_images=more, duration=0, lossless=True)
    assert [frame.pts_s for frame in read_video(tmp_path / "a.webp")] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_transparent_parts_of_an_animation_are_white(tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (16, 16), (200, 10, 10, alpha)) for alpha in (255, 0)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=40, lossless=True)
    assert [frame.rgb[8, 8].tolist() for frame in read_video(tmp_path / "a.webp")] == [[200, 10, 10], [255] * 3]


def test_an_animation_that_breaks_off_keeps_its_good_frames(tmp_path: Path) -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8) for seed in range(4)]
    write_animation(tmp_path / "a.webp", noise, "WEBP")
    content = (tmp_path / "a.webp").read_bytes()
    # The third frame's pixels are spoilt; the container stays whole.
    place = [at for at in range(len(content)) if content.startswith(b"ANMF", at)][2]
    (tmp_path / "a.webp").write_bytes(content[: place + 60] + bytes(4000) + content[place + 4060 :])
    reader = read_video(tmp_path / "a.webp")
    assert isinstance(reader, AnimationReader)
    with pytest.raises(BrokenVideoError, match="after frame"):
        list(reader)
    assert 0 < reader.decoded < 4
    (tmp_path / "a.webp").write_bytes(content[:200])
    with pytest.raises(InputError, match=r"a\.webp"):
        list(read_video(tmp_path / "a.webp"))


def test_pages_are_counted_and_the_first_is_read(tmp_path: Path, frames: list[Pixels]) -> None:
    write_pages(tmp_path / "pages.tif", frames[:3])
    write_pages(tmp_path / "one.tif", frames[:1])
    (tmp_path / "damaged.tif").write_bytes(b"II*\0")
    assert [count_pages(tmp_path / f"{name}.tif") for name in ("pages", "one", "damaged")] == [3, 1, 1]
    np.testing.assert_array_equal(read_image(tmp_path / "pages.tif"), frames[0])


def test_small_versions_and_previews_are_no_pages(tmp_path: Path, frames: list[Pixels]) -> None:
    first, second = (Image.fromarray(frame) for frame in frames[:2])
    # Tag 254, NewSubfileType: bit 0 says that a page is a reduced version of another.
    second.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    assert [count_pages(tmp_path / name) for name in ("a.tif", "a.jpg")] == [1, 1]


def test_a_raw_file_is_not_read_as_its_thumbnail(tmp_path: Path, frames: list[Pixels]) -> None:
    Image.fromarray(frames[0]).save(tmp_path / "a.dng", "TIFF", tiffinfo={254: 1})
    with pytest.raises(InputError, match="export it as TIFF or JPEG"):
        read_image(tmp_path / "a.dng")
