"""Read animations that FFmpeg cannot read, WebP and AVIF, with Pillow.

GIF and APNG are read as videos by `fertools.sources.videos`. Other pictures of a file that are not played, such as the
pages of a TIFF, are counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

from PIL import Image

from fertools.core.errors import InputError
from fertools.sources.grey_range import GreyRange
from fertools.sources.images import open_image, to_rgb
from fertools.sources.sampling import FrameSampler, Sampling
from fertools.sources.signatures import HEAD_BYTES, signature_of
from fertools.sources.videos import BrokenVideoError, Frame, FrameReader

_ENDLESS_MS: Final = 100
"""Duration that browsers, and FFmpeg for GIF, use for a frame with duration zero."""
_REDUCED: Final = 254
"""TIFF tag NewSubfileType; its lowest bit marks a page that is a reduced version of another."""


class AnimationReader(FrameReader):
    """Reads the frames of an animated WebP or AVIF; see `FrameReader` for the arguments and errors."""

    def __iter__(self) -> Iterator[Frame]:
        self.decoded, self.share = 0, 0.0
        sampler, ms = FrameSampler(self.sampling), 0
        try:
            with open_image(self.path) as picture:
                count = int(getattr(picture, "n_frames", 1))
                for index in range(count):
                    picture.seek(index)
                    picture.load()
                    self.heartbeat()
                    time_s = Fraction(ms, 1000)
                    ms += int(picture.info.get("duration", 0)) or _ENDLESS_MS
                    self.decoded, self.share = index + 1, (index + 1) / count
                    if self.sampling.is_over(index, time_s):
                        return
                    if sampler.wants(index, time_s):
                        yield Frame(index, float(time_s), to_rgb(picture, self.path, self.grey_range))
        except InputError:
            raise
        except Exception as error:  # Pillow raises almost any error for damaged files
            if self.decoded:
                reason = f"decoding of {self.path} stopped after frame {self.decoded - 1} ({error})"
                raise BrokenVideoError(reason) from error
            raise InputError(f"{self.path} cannot be decoded as an animation ({error})") from error


def read_video(
    path: Path,
    *,
    sampling: Sampling | None = None,
    threads: int = 0,
    grey_range: GreyRange | None = None,
    heartbeat: Callable[[], None] = lambda: None,
) -> FrameReader:
    """Return a reader of the frames of the video or animation at `path`; see `FrameReader` for the arguments."""
    reader = AnimationReader if _is_read_here(path) else FrameReader
    return reader(path, sampling=sampling, threads=threads, grey_range=grey_range, heartbeat=heartbeat)


def count_pages(path: Path) -> int:
    """Return the number of pictures in a picture file that is no animation; 1 if the file cannot be read.

    Reduced versions of another page do not count, nor do the previews and depth maps that phones append to a JPEG.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_image(path) as picture:
                count = 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))
                return sum(not _is_reduced(picture, page) for page in range(count)) if count > 1 else 1
    except Exception:  # see `AnimationReader`; reading the picture gives the reason
        return 1


def _is_reduced(picture: Image.Image, page: int) -> bool:
    picture.seek(page)
    return bool(getattr(picture, "tag_v2", {}).get(_REDUCED, 0) & 1)


def _is_read_here(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return False
    return signature_of(head) == "pictures" and (head[8:12] == b"WEBP" or head[4:8] == b"ftyp")
