"""One picture as RGB, whatever it was stored as.

Orientation metadata is applied; transparent parts show white; grey becomes three equal channels. 16-bit
grey is scaled to 8 bits by a range, see `fertools.sources.grey_range`; pictures of 8 bits stay as they are.
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
    """An optional package that teaches Pillow a format.

    Attributes:
        name: of the extra of `pyproject.toml`.
        format: as people call it.
        begins: what its files begin with.
        package: what to import.
        register: function of it to call then; None if the import does it.
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

    Of a file with several pages, the first is read (see `fertools.sources.animations.count_pages`).

    Args:
        path: of the picture.
        grey_range: which values of a wide grey picture become black and white; all 16 bits if None.

    Raises:
        InputError: the file cannot be read, is not a picture, needs an optional package, is cut off, holds
            floating-point pixels without a range, or is implausibly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Pillow also warns of odd metadata in pictures that it decodes well.
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
    # Pillow raises errors of many kinds for damaged content, of memory too: the size that a file states may be wrong.
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"cannot read {path}: its content is damaged ({reason})") from error


def _orientation(picture: Image.Image) -> Orientation:
    """Return which way up a picture is; as it is stored where its metadata cannot be read."""
    try:
        return Orientation.of_exif(picture.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # struct.error, SyntaxError, TypeError and others, of which no list can be whole
        return Orientation()


def open_image(path: Path) -> Image.Image:
    """Return the opened picture at `path`, by an optional package if its format needs one.

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
    """Have Pillow know the formats of an optional package, which most folders do not need."""
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
    """Return whether a picture holds grey values of more than 8 bits; False for a file that cannot be opened."""
    try:
        with open_image(path) as picture:
            return picture.mode in (*_WIDE_MODES, "F")
    except Exception:  # whatever is wrong with the file is said when it is read
        return False


def to_rgb(picture: Image.Image, path: Path, grey_range: GreyRange | None = None) -> NDArray[np.uint8]:
    """Return a decoded picture as (H, W, 3) uint8 RGB, the way it is stored.

    Raises:
        InputError: it holds floating-point pixels and no range is given, or pixels that are no number; `path` is named.
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
