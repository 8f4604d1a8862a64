"""A folder with a file of every format that can be made here: what is read, and what is passed over."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class VideoFormat:
    """A container as FFmpeg writes it; `format` where it does not follow from the ending."""

    codec: str
    format: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    pixels: str = "yuv420p"


VIDEOS = {
    "a.3g2": VideoFormat("mpeg4"),
    "a.3gp": VideoFormat("mpeg4"),
    "a.asf": VideoFormat("wmv2", "asf"),
    "a.apng": VideoFormat("apng", "apng", pixels="rgb24"),
    "a.avi": VideoFormat("mpeg4"),
    "a.f4v": VideoFormat("libx264"),
    "a.flv": VideoFormat("flv"),
    "a.gif": VideoFormat("gif", pixels="rgb8"),
    "a.m2ts": VideoFormat("mpeg2video", "mpegts", (("mpegts_m2ts_mode", "1"),)),
    "a.m2v": VideoFormat("mpeg2video", "mpeg2video"),
    "a.m4v": VideoFormat("libx264"),
    "a.mjpeg": VideoFormat("mjpeg", "mjpeg", pixels="yuvj420p"),
    "a.mkv": VideoFormat("libx264"),
    "a.mov": VideoFormat("mjpeg", pixels="yuvj420p"),
    "a.mp4": VideoFormat("libx264"),
    "a.mpg": VideoFormat("mpeg1video"),
    "a.mts": VideoFormat("libx264", "mpegts", (("mpegts_m2ts_mode", "1"),)),
    "a.mxf": VideoFormat("mpeg2video"),
    "a.ogv": VideoFormat("libvpx", "ogv"),
    "a.ts": VideoFormat("libx264", "mpegts"),
    "a.vob": VideoFormat("mpeg2video", "vob"),
    "a.webm": VideoFormat("libvpx"),
    "a.wmv": VideoFormat("wmv2", "asf"),
    "a.h264": VideoFormat("libx264", "h264"),
    "a.ivf": VideoFormat("libvpx", "ivf"),
    "a.rm": VideoFormat("rv10", "rm"),
}

PICTURES = {
    **{f"p.{suffix}": "JPEG" for suffix in ("jpg", "jpeg", "jpe", "jfif")},
    **{f"p.{suffix}": "JPEG2000" for suffix in ("jp2", "j2k")},
    **{f"p.{suffix}": "PPM" for suffix in ("pgm", "ppm", "pbm", "pnm")},
    **{f"p.{suffix}": "TIFF" for suffix in ("tif", "tiff")},
    **{"p.png": "PNG", "p.webp": "WEBP", "p.avif": "AVIF", "p.bmp": "BMP", "p.gif": "GIF", "p.tga": "TGA"},
    **{"p.sgi": "SGI", "p.pcx": "PCX", "p.dds": "DDS", "p.ico": "ICO"},
}

ANIMATIONS = {"moving.webp": "WEBP", "moving.png": "PNG", "moving.gif": "GIF", "moving.avif": "AVIF"}
DURATIONS_MS = (40, 80, 200, 40)

PASSED_OVER = {"text": 5, "sound": 3, "archive": 2, "hidden": 2, "empty": 1, "other": 3}


def write_video(path: Path, frames: Sequence[Pixels], of: VideoFormat) -> None:
    """Write RGB frames, 25 a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=of.format, options=dict(of.options)) as container:
        stream = cast(av.VideoStream, container.add_stream(of.codec, rate=25))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = of.pixels
        stream.codec_context.max_b_frames = 0
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_sound(path: Path, codec: str, format: str | None = None) -> None:
    """Write a tenth of a second of silence."""
    with av.open(str(path), "w", format=format) as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=44_100))
        stream.layout, stream.bit_rate = "mono", 64_000
        for number in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_animation(path: Path, frames: Sequence[Pixels], format: str) -> None:
    """Write frames that are shown for `DURATIONS_MS`."""
    first, *more = map(Image.fromarray, frames)
    first.save(path, format, save_all=True, append_images=more, duration=list(DURATIONS_MS), lossless=True)


def write_pages(path: Path, pages: Sequence[Pixels]) -> None:
    first, *more = map(Image.fromarray, pages)
    first.save(path, "TIFF", save_all=True, append_images=more)


def write_others(folder: Path) -> None:
    """Write what `PASSED_OVER` counts."""
    (folder / "notes.txt").write_text("nothing to see\n")
    (folder / "labels.csv").write_bytes("path,emotion\na.mp4,Überraschung\n".encode("latin-1"))
    (folder / "README").write_text("P1 and P2 are people, not pictures\n")
    (folder / "utf16.tsv").write_text("a\tb\n", encoding="utf-16")
    (folder / "program.ts").write_text("export const frames: number = 4;\n")
    write_sound(folder / "sound.m4a", "aac")
    write_sound(folder / "sound.mka", "aac", "matroska")
    write_sound(folder / "sound.wma", "wmav2", "asf")
    with zipfile.ZipFile(folder / "clips.zip", "w") as archive:
        archive.writestr("a.mp4", b"video")
    with tarfile.open(folder / "clips", "w") as archive_of_tapes:
        archive_of_tapes.add(folder / "notes.txt")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / ".thumbs").mkdir()
    Image.new("RGB", (8, 8)).save(folder / ".thumbs" / "a.jpg")
    (folder / "nothing").touch()
    np.savez(folder / "points.npz", points=np.zeros(3))
    np.save(folder / "points.npy", np.zeros(3))
    # What compressed or encrypted data look like; FFmpeg takes `.bin` for a video of letters.
    (folder / "noise.bin").write_bytes(np.random.default_rng(0).bytes(200_000))
