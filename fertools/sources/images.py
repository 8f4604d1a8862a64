"""Read a picture of any format as RGB.

The orientation metadata is applied, transparent pixels become white, and grey becomes three equal channels. 16-bit
grey is scaled to 8 bits by a range, see `fertools.sources.grey_range`. Pictures of 8 bits stay as they are.
"""

from __future__ import annotations

import importlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from fertools.core.errors import InputError, first_line
from fertools.core.explain import raise_of_machine
from fertools.sources.grey_range import FULL, GreyRange
from fertools.sources.orientation import Orientation


@dataclass(frozen=True)
class _Extra:
    """An optional package that adds a format to Pillow.

    Attributes:
        name: name of the extra in `pyproject.toml`.
        format: common name of the format.
        begins: pattern of the first bytes of its files.
        package: name of the module to import.
        register: name of the function to call after the import; None if the import is enough.
    """

    name: str
    format: str
    begins: re.Pattern[bytes]
    package: str
    register: str | None


_EXTRAS = (
    _Extra(
        "heic", "HEIC", re.compile(rb".{4}ftyp(hei|hev|mif1|msf1)", re.DOTALL), "pillow_heif", "register_heif_opener"
    ),
    _Extra("jxl", "JPEG XL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "pillow_jxl", None),
)
_NEW_SUBFILE_TYPE = 254
_WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_image(path: Path, grey_range: GreyRange | None = None) -> NDArray[np.uint8]:
    """Return the picture at `path` as an (H, W, 3) uint8 RGB array, upright.

    If the file has several pages, the first is read (see `fertools.sources.animations.count_pages`).

    Args:
        path: of the picture.
        grey_range: which values of a wide grey picture become black and white; all 16 bits if None.

    Raises:
        InputError: the file cannot be read, is not a picture, needs an optional package, is truncated, contains
            floating-point pixels without a range, or is implausibly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Pillow also warns about odd metadata in pictures that it decodes correctly.
            warnings.simplefilter("ignore", UserWarning)
            with open_image(path) as picture:
                picture.load()
                return _orientation(picture).apply(to_rgb(picture, path, grey_range))
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not a picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} has too many pixels to be a photograph; shrink it first") from error
    except InputError:
        raise
    except OSError as error:
        raise_of_machine(error, path)
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    # Pillow raises many kinds of errors for damaged content, including MemoryError if the stated size is wrong.
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"cannot read {path}: its content is damaged ({reason})") from error


def _orientation(picture: Image.Image) -> Orientation:
    """Return the orientation of a picture; unchanged if its metadata cannot be read."""
    try:
        return Orientation.of_exif(picture.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # struct.error, SyntaxError, TypeError and others; a complete list is impossible
        return Orientation()


def open_image(path: Path) -> Image.Image:
    """Return the opened picture at `path`, with an optional package if its format needs one.

    Raises:
        UnidentifiedImageError: it is not a picture.
        InputError: its format needs a package that is not installed, or it is a camera's raw file.
        OSError: it cannot be read.
    """
    try:
        picture = Image.open(path)
    except UnidentifiedImageError:
        if (extra := _extra_for(path)) is None:
            raise
        _load(extra, path)
        picture = Image.open(path)
    # Raw files of cameras are TIFFs whose first page is a thumbnail.
    if getattr(picture, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0) & 1:
        picture.close()
        raise InputError(f"{path} begins with a thumbnail, as raw files of cameras do; export it as TIFF or JPEG")
    return picture


def _extra_for(path: Path) -> _Extra | None:
    with path.open("rb", buffering=0) as stream:
        head = stream.read(64)
    return next((extra for extra in _EXTRAS if extra.begins.match(head)), None)


def _load(extra: _Extra, path: Path) -> None:
    """Register the formats of an optional package with Pillow; most folders do not need them."""
    try:
        package = importlib.import_module(extra.package)
    except ImportError as error:
        raise InputError(
            f"{path} is a {extra.format} picture, which needs an optional package; "
            f"install it by: pip install 'fertools[{extra.name}]'"
        ) from error
    if extra.register is not None:
        getattr(package, extra.register)()


def is_wide(path: Path) -> bool:
    """Return whether a picture has grey values of more than 8 bits; False for a file that cannot be opened."""
    try:
        with open_image(path) as picture:
            return picture.mode in (*_WIDE_MODES, "F")
    except Exception:  # the error of the file is reported when it is read
        return False


def to_rgb(picture: Image.Image, path: Path, grey_range: GreyRange | None = None) -> NDArray[np.uint8]:
    """Return a decoded picture as (H, W, 3) uint8 RGB, in its stored orientation.

    Raises:
        InputError: the pixels are floating-point numbers without a range, or not numbers; the message names `path`.
    """
    if picture.mode in _WIDE_MODES or (picture.mode == "F" and grey_range is not None):
        # Pillow's own conversion clips 16-bit grey at 255 instead of scaling it.
        wide = np.asarray(picture).astype(np.float64)
        if not np.isfinite(wide).all():
            raise InputError(f"{path} holds pixels that are no number; replace them and save it again")
        return np.repeat((grey_range or FULL).to_8_bits(wide)[..., None], 3, axis=2)
    if picture.mode == "F":
        raise InputError(f"{path} holds floating-point pixels, which have no agreed range; convert it to 8 or 16 bits")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        picture = Image.alpha_composite(white, layer)
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"), dtype=np.uint8))
