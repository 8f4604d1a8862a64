"""What a file is follows from its content, whatever its name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fertools.sources.animations import read_video
from fertools.sources.content import PassedOver, kind_of
from fertools.sources.discovery import discover
from fertools.sources.images import read_image
from tests.sources.formats import (
    ANIMATIONS,
    PASSED_OVER,
    PICTURES,
    VIDEOS,
    Pixels,
    write_animation,
    write_others,
    write_video,
)

NO_SIGNATURE = {"p.tga", "a.mjpeg"}
"""TGA begins with nothing of its own, and JPEG after JPEG as one JPEG does: these two go by their names."""

TOLD_BY_DECODERS = {"p.sgi", "p.pcx", "p.dds", "p.ico"}
"""Asked only where the name says nothing."""


@pytest.fixture(scope="module")
def frames() -> list[Pixels]:
    grey = np.linspace(40, 200, 96 * 128 * 3).reshape(96, 128, 3).astype(np.uint8)
    return [np.roll(grey, 10 * number, axis=0) for number in range(4)]


def _bare(path: Path) -> Path:
    """Return the same file under a name without an ending."""
    bare = path.with_name("bare-" + path.name.replace(".", "-"))
    bare.hardlink_to(path)
    return bare


@pytest.mark.parametrize("name", VIDEOS)
def test_every_container_is_a_video_by_any_name(tmp_path: Path, frames: list[Pixels], name: str) -> None:
    write_video(tmp_path / name, frames, VIDEOS[name])
    assert kind_of(tmp_path / name) == "video"
    assert len(list(read_video(tmp_path / name))) == len(frames)
    if name not in NO_SIGNATURE:
        assert kind_of(_bare(tmp_path / name)) == "video"
        (tmp_path / name).rename(tmp_path / "misnamed.jpg")
        assert kind_of(tmp_path / "misnamed.jpg") == "video"


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_one_by_any_name(tmp_path: Path, frames: list[Pixels], name: str) -> None:
    mode = {"p.pbm": "1", "p.pgm": "L"}.get(name, "RGB")
    Image.fromarray(frames[0]).convert(mode).save(tmp_path / name, PICTURES[name])
    assert kind_of(tmp_path / name) == "image"
    assert read_image(tmp_path / name).ndim == 3
    if name not in NO_SIGNATURE:
        assert kind_of(_bare(tmp_path / name)) == "image"
    if name not in NO_SIGNATURE | TOLD_BY_DECODERS:
        (tmp_path / name).rename(tmp_path / "misnamed.mp4")
        assert kind_of(tmp_path / "misnamed.mp4") == "image"


@pytest.mark.parametrize("name", ANIMATIONS)
def test_an_animation_is_a_video(tmp_path: Path, frames: list[Pixels], name: str) -> None:
    write_animation(tmp_path / name, frames, ANIMATIONS[name])
    assert kind_of(tmp_path / name) == kind_of(_bare(tmp_path / name)) == "video"
    write_animation(tmp_path / name, frames[:1], ANIMATIONS[name])
    assert kind_of(tmp_path / name) == "image"


def test_a_png_whose_chunks_are_long_is_still_told(tmp_path: Path, frames: list[Pixels]) -> None:
    """A colour profile of 20 kB stands before what says whether it moves."""
    first, *more = map(Image.fromarray, frames)
    profile = np.random.default_rng(0).bytes(20_000)
    first.save(tmp_path / "still.png", icc_profile=profile)
    first.save(tmp_path / "moving.png", icc_profile=profile, save_all=True, append_images=more)
    assert [kind_of(tmp_path / name) for name in ("still.png", "moving.png")] == ["image", "video"]


def test_what_is_no_source_is_counted_by_what_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    write_others(tmp_path)
    assert discover([tmp_path]).passed_over == PASSED_OVER


@pytest.mark.parametrize("content", [b"", b"this is text", bytes(range(256)), b"PK\x03\x04" + bytes(40)])
@pytest.mark.parametrize(("name", "kind"), [("a.mp4", "video"), ("a.flv", "video"), ("a.heic", "image")])
def test_a_file_named_as_a_video_or_picture_is_never_passed_over(
    tmp_path: Path, name: str, kind: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) == kind


def test_a_head_without_its_rest_is_a_source_that_fails(tmp_path: Path, frames: list[Pixels]) -> None:
    for name in ("a.mkv", "a.mp4", "a.wmv"):
        write_video(tmp_path / name, frames, VIDEOS[name])
        head = (tmp_path / name).read_bytes()[:60]
        (tmp_path / "cut").write_bytes(head)
        assert kind_of(tmp_path / "cut") == "video", name


def test_what_cannot_be_opened_is_a_source_that_fails(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.mov")
    os.mkfifo(tmp_path / "pipe")
    kinds = {path.name: kind_of(path) for path in tmp_path.iterdir()}
    assert kinds == {"gone.mp4": "video", "gone": "image", "pipe.mov": "video", "pipe": PassedOver("other")}


def test_most_files_are_told_by_one_short_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a folder of 100,000 files is looked through in seconds."""
    for name in ("a.jpg", "b.png", "c.bmp", "d.webp", "e.tif"):
        cv2.imwrite(str(tmp_path / name), np.zeros((64, 64, 3), np.uint8))
    opened: Counter[str] = Counter()
    real = Path.open

    def counted(self: Path, *arguments: object, **options: object) -> object:
        opened[self.name] += 1
        return real(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", counted)
    monkeypatch.setattr(Image, "open", lambda *arguments, **options: pytest.fail("a decoder was asked"))
    assert len(discover([tmp_path]).files) == 5
    assert set(opened.values()) == {1}
